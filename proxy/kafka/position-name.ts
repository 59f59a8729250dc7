// What the topic of positions and claims is called, for who only names it: without the client of Kafka. KAFKA.md [K-10]

export const positionTopicOf = (site: string): string => `${site}.headwater.positions`;
