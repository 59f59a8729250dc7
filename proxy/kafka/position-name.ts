// What the topic of positions and claims is called, for who only names it: without the client of Kafka. KAFKA.md [K-10]

export const positionTopicOf = (site: string): string => `${site}.headwater.positions`;

/** The topic's partitions ([K-11]) but one, which resends have ([K-46]). */
export const lanesMax = 15;
