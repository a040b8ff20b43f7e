import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Prints how each command ended, as it ends. With Kafka's jars: {@code java -cp 'JARS/*' ConsumeResults.java [TOPIC]} */
public class ConsumeResults {
    public static void main(String[] arguments) throws Exception {
        var servers = System.getenv().getOrDefault("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092");
        var topic = arguments.length > 0 ? arguments[0] : "sync.results";
        Map<String, Object> settings = Map.of("bootstrap.servers", servers, "group.id", "example-java",
                "isolation.level", "read_committed", "auto.offset.reset", "earliest");
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            consumer.subscribe(List.of(topic));
            while (true) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    var result = new ObjectMapper().readTree(record.value());
                    System.out.println(String.join(" ", result.path("party").asText(), result.path("action").asText(),
                            result.path("status").asText(), result.path("object").path("id").asText("-")));
                }
            }
        }
    }
}
