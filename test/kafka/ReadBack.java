import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

// Reads topics back with Apache Kafka's own Java client: what Headwater put into Kafka is judged by
// code that shares nothing with it. Requests come line by line on standard input,
//     isolation level <TAB> timeout in ms <TAB> topics by comma (a name that ends in * is a prefix)
// and the answer is a line per record, then `end`, or `failed <TAB> why`. A record's line is
//     record, topic, partition, offset, timestamp, key, value, header=value,...   (tabs between)
// with keys, values and header parts in Base64 and `-` for null.
// read_committed first waits until no transaction is open on any partition, then reads to the end.
public class ReadBack {
  public static void main(String[] arguments) throws Exception {
    Scanner input = new Scanner(System.in, StandardCharsets.UTF_8);
    while (input.hasNextLine()) {
      String[] request = input.nextLine().split("\t");
      try {
        read(arguments[0], request[0], Long.parseLong(request[1]), List.of(request[2].split(",")));
        System.out.println("end");
      } catch (Exception error) {
        System.out.println("failed\t" + String.valueOf(error).replaceAll("\\s+", " "));
      }
      System.out.flush();
    }
  }

  static void read(String bootstrap, String isolation, long timeoutMs, List<String> topics)
      throws Exception {
    long deadline = System.currentTimeMillis() + timeoutMs;
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("enable.auto.commit", "false");
    settings.put("allow.auto.create.topics", "false");
    settings.put("default.api.timeout.ms", String.valueOf(timeoutMs));
    settings.put("request.timeout.ms", String.valueOf(Math.min(timeoutMs, 10000)));
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    Properties raw = new Properties();
    raw.putAll(settings);
    raw.put("isolation.level", "read_uncommitted");
    settings.put("isolation.level", isolation);
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings);
        KafkaConsumer<byte[], byte[]> all = new KafkaConsumer<>(raw)) {
      List<TopicPartition> partitions = partitions(consumer, topics);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (!ends.equals(all.endOffsets(partitions))) {
        if (System.currentTimeMillis() > deadline) {
          throw new IllegalStateException("a transaction is still open: readable to " + ends);
        }
        Thread.sleep(20);
        ends = consumer.endOffsets(partitions);
      }
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      for (TopicPartition partition : partitions) {
        while (consumer.position(partition) < ends.get(partition)) {
          if (System.currentTimeMillis() > deadline) throw new IllegalStateException("too slow");
          for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
            print(record);
            // The deadline ends a hang: what still comes is none.
            deadline = System.currentTimeMillis() + timeoutMs;
          }
        }
      }
    }
  }

  static List<TopicPartition> partitions(Consumer<?, ?> consumer, List<String> topics) {
    return consumer.listTopics().entrySet().stream()
        .filter(entry -> topics.stream().anyMatch(topic -> matches(topic, entry.getKey())))
        .flatMap(entry -> entry.getValue().stream())
        .map(info -> new TopicPartition(info.topic(), info.partition()))
        .sorted(Comparator.comparing(TopicPartition::toString))
        .collect(Collectors.toList());
  }

  static boolean matches(String wanted, String topic) {
    if (!wanted.endsWith("*")) return topic.equals(wanted);
    return topic.startsWith(wanted.substring(0, wanted.length() - 1));
  }

  static void print(ConsumerRecord<byte[], byte[]> record) {
    List<String> headers = new ArrayList<>();
    for (Header header : record.headers()) {
      headers.add(base64(header.key().getBytes(StandardCharsets.UTF_8)) + "=" + base64(header.value()));
    }
    System.out.println(String.join("\t", "record", record.topic(),
        String.valueOf(record.partition()), String.valueOf(record.offset()),
        String.valueOf(record.timestamp()), base64(record.key()), base64(record.value()),
        String.join(",", headers)));
  }

  static String base64(byte[] bytes) {
    // Unpadded: a header's `=` is the separator alone.
    return bytes == null ? "-" : Base64.getEncoder().withoutPadding().encodeToString(bytes);
  }
}
