import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;

/**
 * Forward with Kafka Streams, exactly once v2, one thread. Takes the job as JSON, reports on the last line when the
 * first event was at hand. Commits every 100 ms, its default for exactly once.
 */
public final class KStreamsForward {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        JsonNode job = JSON.readTree(arguments[0]);
        long events = job.get("events").asLong();
        AtomicLong seen = new AtomicLong();
        AtomicLong started = new AtomicLong();
        CountDownLatch all = new CountDownLatch(1);

        StreamsBuilder builder = new StreamsBuilder();
        builder.<byte[], byte[]>stream(job.get("source").asText())
            .filter((key, value) -> {
                started.compareAndSet(0, System.currentTimeMillis());
                if (seen.incrementAndGet() == events) {
                    all.countDown();
                }
                return wanted(value);
            })
            .to(job.get("target").asText());

        try (KafkaStreams streams = new KafkaStreams(builder.build(), settings(job))) {
            streams.start();
            all.await();
        }
        System.out.println("{\"started\": " + started.get() / 1000.0 + "}");
    }

    private static boolean wanted(byte[] value) {
        try {
            JsonNode data = JSON.readTree(value).get("data");
            return data.get("status").asText().equals("DUE") && data.get("total").asDouble() > 0;
        } catch (IOException error) {
            throw new IllegalArgumentException(error);
        }
    }

    private static Properties settings(JsonNode job) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "kstreams-" + System.nanoTime());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, job.get("bootstrap").asText());
        settings.put(StreamsConfig.STATE_DIR_CONFIG, job.get("state_dir").asText() + "/kstreams");
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.producerPrefix("compression.type"), "lz4");
        return settings;
    }
}
