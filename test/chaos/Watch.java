import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

// Says which events become readable with read_committed, as they do: a line `device <TAB> hw-id` each. It goes on
// through whatever befalls Kafka. Only for measuring: the count at the end is ReadBack's.
// Arguments: bootstrap, topics by comma.
public class Watch {
  public static void main(String[] arguments) throws Exception {
    // Its standard input is a pipe of whoever asked: it ends with them.
    Thread end = new Thread(() -> {
      try {
        while (System.in.read() >= 0) {}
      } catch (Exception gone) {
        // As below.
      }
      Runtime.getRuntime().halt(0);
    });
    end.setDaemon(true);
    end.start();
    Properties settings = new Properties();
    settings.put("bootstrap.servers", arguments[0]);
    settings.put("enable.auto.commit", "false");
    settings.put("allow.auto.create.topics", "false");
    settings.put("auto.offset.reset", "earliest");
    settings.put("isolation.level", "read_committed");
    settings.put("fetch.max.wait.ms", "50");
    settings.put("metadata.max.age.ms", "1000");
    settings.put("reconnect.backoff.ms", "20");
    settings.put("reconnect.backoff.max.ms", "100");
    settings.put("retry.backoff.ms", "20");
    settings.put("retry.backoff.max.ms", "100");
    settings.put("request.timeout.ms", "3000");
    settings.put("default.api.timeout.ms", "5000");
    settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
    settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
    Set<String> topics = new TreeSet<>(List.of(arguments[1].split(",")));
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
      Set<TopicPartition> assigned = Set.of();
      while (assigned.isEmpty()) {
        try {
          assigned = partitions(consumer, topics);
        } catch (TimeoutException busy) {
          // A Kafka that has just started, on a machine with much to do.
        }
        if (assigned.isEmpty()) Thread.sleep(50);
      }
      consumer.assign(assigned);
      System.out.println("watching");
      while (true) {
        StringBuilder lines = new StringBuilder();
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          Header identity = record.headers().lastHeader("hw-id");
          if (identity == null || record.key() == null) continue;
          lines.append(new String(record.key(), StandardCharsets.UTF_8)).append('\t');
          lines.append(new String(identity.value(), StandardCharsets.UTF_8)).append('\n');
        }
        if (lines.length() == 0) continue;
        System.out.print(lines);
        System.out.flush();
      }
    }
  }

  static Set<TopicPartition> partitions(Consumer<?, ?> consumer, Set<String> topics) {
    Map<String, List<PartitionInfo>> all = consumer.listTopics();
    if (!all.keySet().containsAll(topics)) return Set.of();
    return topics.stream()
        .flatMap(topic -> all.get(topic).stream())
        .map(info -> new TopicPartition(info.topic(), info.partition()))
        .collect(Collectors.toSet());
  }
}
