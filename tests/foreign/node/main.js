// Writes the traffic with kafkajs: requests and responses of the Open Inference Protocol, as they are and in
// structured CloudEvents as KServe's inference logger names them.
//
// Usage: node main.js BOOTSTRAP FOLDER TOPIC_PREFIX

const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { Kafka, Partitioners, logLevel } = require("kafkajs");

const [bootstrap, folder, prefix] = process.argv.slice(2);

function tensor(name, datatype, data, shape = [data.length]) {
  return { name, shape, datatype, data };
}

function halves(batch) {
  const column = (name) => batch.rows.map((row) => row[name]);
  const request = {
    id: batch.id,
    inputs: [
      tensor("amount", "FP64", column("amount"), [batch.rows.length, 1]),
      tensor("age", "INT64", column("age")),
      tensor("channel", "BYTES", column("channel")),
    ],
    outputs: [{ name: "predict" }],
  };
  const outputs = [tensor("predict", batch.model === "risk" ? "INT64" : "FP64", column("prediction"))];
  if (batch.model === "risk") {
    outputs.push(tensor("predict_proba", "FP64", column("score"), [batch.rows.length, 1]));
  }
  return [request, { id: batch.id, model_name: batch.model, model_version: batch.version, outputs }];
}

function cloudEvent(batch, kind, data, at) {
  const event = {
    specversion: "1.0",
    id: batch.id,
    type: `org.kubeflow.serving.inference.${kind}`,
    source: "http://localhost:9081/",
    time: new Date(at).toISOString(),
    inferenceservicename: batch.model,
    datacontenttype: "application/json",
    data,
  };
  const headers = { "content-type": "application/cloudevents+json; charset=UTF-8" };
  return { value: JSON.stringify(event), headers, timestamp: String(at), partition: 0 };
}

async function main() {
  const kafka = new Kafka({ clientId: "foreign", brokers: [bootstrap], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  const messages = { "open-inference": [], "kserve-v2": [] };
  for (const line of readFileSync(join(folder, "predictions.ndjson"), "utf8").trim().split("\n")) {
    const batch = JSON.parse(line);
    const [request, response] = halves(batch);
    for (const [half, at] of [[request, batch.at], [response, batch.at + 2]]) {
      messages["open-inference"].push({ value: JSON.stringify(half), timestamp: String(at), partition: 0 });
    }
    messages["kserve-v2"].push(cloudEvent(batch, "response", response, batch.at + 2));
    messages["kserve-v2"].push(cloudEvent(batch, "request", request, batch.at));
  }
  await producer.connect();
  for (const [layout, records] of Object.entries(messages)) {
    for (let start = 0; start < records.length; start += 200) {
      await producer.send({ topic: prefix + layout, messages: records.slice(start, start + 200) });
    }
  }
  await producer.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
