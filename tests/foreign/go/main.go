// Writes the traffic with franz-go: as KServe's inference logger does in binary CloudEvents, the request and the
// response in separate records, and as flat rows.
//
// Usage: foreign BOOTSTRAP FOLDER TOPIC_PREFIX
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type row struct {
	Amount     json.Number  `json:"amount"`
	Age        json.Number  `json:"age"`
	Channel    string       `json:"channel"`
	Prediction json.Number  `json:"prediction"`
	Score      *json.Number `json:"score"`
}

type batch struct {
	ID      string `json:"id"`
	Model   string `json:"model"`
	Version string `json:"version"`
	At      int64  `json:"at"`
	Rows    []row  `json:"rows"`
}

type answer struct {
	Class json.Number  `json:"class"`
	P     *json.Number `json:"p,omitempty"`
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func encoded(value any) []byte {
	data, err := json.Marshal(value)
	check(err)
	return data
}

func cloudEvent(topic string, b batch, kind string, data []byte, at int64) *kgo.Record {
	header := func(name, value string) kgo.RecordHeader {
		return kgo.RecordHeader{Key: name, Value: []byte(value)}
	}
	moment := time.UnixMilli(at).UTC()
	return &kgo.Record{
		Topic:     topic,
		Key:       []byte(b.ID),
		Value:     data,
		Timestamp: moment,
		Headers: []kgo.RecordHeader{
			header("ce_specversion", "1.0"),
			header("ce_id", b.ID),
			header("ce_type", "org.kubeflow.serving.inference."+kind),
			header("ce_source", "http://localhost:9081/"),
			header("ce_time", moment.Format(time.RFC3339Nano)),
			header("ce_inferenceservicename", b.Model),
			header("content-type", "application/json"),
		},
	}
}

func main() {
	bootstrap, folder, prefix := os.Args[1], os.Args[2], os.Args[3]
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	check(err)
	defer client.Close()
	file, err := os.Open(filepath.Join(folder, "predictions.ndjson"))
	check(err)
	defer file.Close()

	var records []*kgo.Record
	var late *kgo.Record
	var lateAt int64
	lines := bufio.NewScanner(file)
	for number := 0; lines.Scan(); number++ {
		var b batch
		check(json.Unmarshal(lines.Bytes(), &b))
		instances, answers := [][]any{}, []answer{}
		for i, r := range b.Rows {
			instances = append(instances, []any{r.Amount, r.Age, r.Channel})
			answers = append(answers, answer{r.Prediction, r.Score})
			flat := map[string]any{
				"prediction_id": fmt.Sprintf("%s#%d", b.ID, i), "model": b.Model, "model_version": b.Version, "ts": b.At,
				"amount": r.Amount, "age": r.Age, "channel": r.Channel, "prediction": r.Prediction, "offset": i,
			}
			if r.Score != nil {
				flat["score"] = *r.Score
			}
			records = append(records, &kgo.Record{
				Topic: prefix + "flat", Value: encoded(flat), Timestamp: time.UnixMilli(b.At),
			})
		}
		kserve := prefix + "kserve-v1"
		request := cloudEvent(kserve, b, "request", encoded(map[string]any{"instances": instances}), b.At)
		data := encoded(map[string]any{"predictions": answers, "model_version": b.Version})
		response := cloudEvent(kserve, b, "response", data, b.At+3)
		if number%5 == 0 { // the logger sends both on their own: either may come first
			request, response = response, request
		}
		if late != nil && b.At-lateAt > 60_000 { // nothing comes between before a pause
			records = append(records, late)
			late = nil
		}
		records = append(records, request)
		if late != nil { // and others come between
			records = append(records, late)
		}
		late, lateAt = response, b.At
		if number == 100 {
			lost := batch{ID: "lost", Model: b.Model, At: b.At}
			records = append(records, cloudEvent(kserve, lost, "request", []byte(`{"instances": []}`), b.At))
		}
	}
	check(lines.Err())
	records = append(records, late)
	check(client.ProduceSync(context.Background(), records...).FirstErr())
}
