import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.json.JsonConverter;

/**
 * Writes the traffic with Kafka's Java client: as Kafka Connect's JSON converter writes rows and Debezium's change
 * events, and in Avro's single-object encoding.
 *
 * Usage: java -cp ... Foreign.java BOOTSTRAP FOLDER TOPIC_PREFIX AVRO_SCHEMA_FILE
 */
public class Foreign {
    private static final Schema PREDICTION = SchemaBuilder.struct().name("db.public.predictions.Value").optional()
        .field("prediction_id", Schema.STRING_SCHEMA)
        .field("model", Schema.STRING_SCHEMA)
        .field("model_version", Schema.STRING_SCHEMA)
        .field("ts", Schema.INT64_SCHEMA)
        .field("amount", Schema.FLOAT64_SCHEMA)
        .field("age", Schema.INT32_SCHEMA)
        .field("channel", Schema.STRING_SCHEMA)
        .field("prediction", Schema.FLOAT64_SCHEMA)
        .field("score", Schema.OPTIONAL_FLOAT64_SCHEMA)
        .build();
    private static final Schema LABEL = SchemaBuilder.struct().name("db.public.labels.Value").optional()
        .field("prediction_id", Schema.STRING_SCHEMA)
        .field("label", Schema.OPTIONAL_FLOAT64_SCHEMA)
        .build();
    private static final Schema SOURCE = SchemaBuilder.struct().name("io.debezium.connector.postgresql.Source")
        .field("connector", Schema.STRING_SCHEMA)
        .field("ts_ms", Schema.INT64_SCHEMA)
        .build();

    private final KafkaProducer<byte[], byte[]> producer;
    private final JsonConverter converter = new JsonConverter();
    private final String prefix;

    private Foreign(String bootstrap, String prefix) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        properties.put("linger.ms", "20");
        producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
        converter.configure(Map.of("schemas.enable", "true"), false);
        this.prefix = prefix;
    }

    private void send(String layout, byte[] value, long at) {
        producer.send(new ProducerRecord<>(prefix + layout, 0, at, null, value));
    }

    private static Schema envelope(Schema row) {
        return SchemaBuilder.struct().name(row.name().replace(".Value", ".Envelope"))
            .field("before", row)
            .field("after", row)
            .field("source", SOURCE)
            .field("op", Schema.STRING_SCHEMA)
            .field("ts_ms", Schema.OPTIONAL_INT64_SCHEMA)
            .build();
    }

    private void change(String layout, Schema schema, String op, Struct before, Struct after, long at) {
        Struct source = new Struct(SOURCE).put("connector", "postgresql").put("ts_ms", at);
        Struct value = new Struct(schema)
            .put("before", before).put("after", after).put("source", source).put("op", op).put("ts_ms", at + 20);
        send(layout, converter.fromConnectData(prefix + layout, schema, value), at);
    }

    private static Double number(JsonNode node) {
        return node.isNull() ? null : node.doubleValue();
    }

    private void prediction(JsonNode batch, int number, Schema changes) {
        JsonNode row = batch.get("rows").get(number);
        long at = batch.get("at").longValue();
        Struct struct = new Struct(PREDICTION)
            .put("prediction_id", batch.get("id").textValue() + "#" + number)
            .put("model", batch.get("model").textValue())
            .put("model_version", batch.get("version").textValue())
            .put("ts", at)
            .put("amount", row.get("amount").doubleValue())
            .put("age", row.get("age").intValue())
            .put("channel", row.get("channel").textValue())
            .put("prediction", row.get("prediction").doubleValue())
            .put("score", number(row.get("score")));
        send("connect-json", converter.fromConnectData(prefix + "connect-json", PREDICTION, struct), at);
        change("debezium", changes, number % 2 == 0 ? "c" : "r", null, struct, at);
        if (number == 0) { // a row that is changed later is no other prediction
            change("debezium", changes, "u", struct, struct, at);
        }
    }

    private static byte[] avro(JsonNode batch, int number, org.apache.avro.Schema schema) throws Exception {
        JsonNode row = batch.get("rows").get(number);
        org.apache.avro.Schema features = schema.getField("features").schema();
        GenericRecord inner = new GenericData.Record(features);
        inner.put("amount", row.get("amount").doubleValue());
        inner.put("age", row.get("age").intValue());
        org.apache.avro.Schema channel = features.getField("channel").schema();
        inner.put("channel", new GenericData.EnumSymbol(channel, row.get("channel").textValue()));
        GenericRecord record = new GenericData.Record(schema);
        record.put("prediction_id", batch.get("id").textValue() + "#" + number);
        record.put("model", batch.get("model").textValue());
        record.put("model_version", batch.get("version").textValue());
        record.put("ts", batch.get("at").longValue());
        record.put("features", inner);
        record.put("prediction", row.get("prediction").doubleValue());
        record.put("score", number(row.get("score")));
        ByteBuffer encoded = new BinaryMessageEncoder<GenericRecord>(GenericData.get(), schema).encode(record);
        byte[] bytes = new byte[encoded.remaining()];
        encoded.get(bytes);
        return bytes;
    }

    private void label(JsonNode label, Schema changes) {
        long at = label.get("at").longValue();
        Struct row = new Struct(LABEL)
            .put("prediction_id", label.get("prediction_id").textValue())
            .put("label", label.get("label").doubleValue());
        if (label.get("op").textValue().equals("d")) {
            change("debezium-labels", changes, "d", row, null, at);
            send("debezium-labels", null, at); // the tombstone
        } else {
            change("debezium-labels", changes, "c", null, row, at);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[1]);
        ObjectMapper mapper = new ObjectMapper();
        org.apache.avro.Schema schema = new org.apache.avro.Schema.Parser().parse(new File(arguments[3]));
        Foreign foreign = new Foreign(arguments[0], arguments[2]);
        Schema predictions = envelope(PREDICTION);
        for (String line : Files.readAllLines(folder.resolve("predictions.ndjson"))) {
            JsonNode batch = mapper.readTree(line);
            for (int number = 0; number < batch.get("rows").size(); number++) {
                foreign.prediction(batch, number, predictions);
                foreign.send("avro-single-object", avro(batch, number, schema), batch.get("at").longValue());
            }
        }
        Schema labels = envelope(LABEL);
        for (String line : Files.readAllLines(folder.resolve("labels.ndjson"))) {
            foreign.label(mapper.readTree(line), labels);
        }
        foreign.producer.flush();
        foreign.producer.close();
    }
}
