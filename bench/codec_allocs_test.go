//go:build !race

package bench

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/internal/codecbench"
)

// wireSizes are the bytes of each workload in each format. One that changes is a
// change on the wire: it is told in CHANGELOG.md, and peers must read both.
var wireSizes = map[string]map[string]int{
	"json":     {"order": 179, "document": 1371, "list": 84909, "series": 22976, "text": 16897, "blob": 87414, "map": 14402, "sparse": 131},
	"msgpack":  {"order": 143, "document": 1070, "list": 66636, "series": 12063, "text": 16454, "blob": 65562, "map": 12115, "sparse": 103},
	"protobuf": {"order": 89, "document": 666, "list": 40118, "series": 10035, "text": 16443, "blob": 65551, "map": 13851, "sparse": 66},
	"avro":     {"order": 90, "document": 594, "list": 34959, "series": 10043, "text": 16451, "blob": 65559, "map": 11853, "sparse": 109},
	"xml":      {"order": 243, "document": 1918, "list": 117412, "series": 52980, "text": 17315, "blob": 87434, "map": 23132, "sparse": 190},
}

// messageSizes are those of generated messages where they differ from plain structs: a
// message has its fields without presence in MessagePack and XML though they are zero, and
// JSON is protojson.
var messageSizes = map[string]map[string]int{
	"avro":    {"document": 596}, // a message within one is a union with null
	"json":    {"order": 183, "document": 1360, "list": 85427, "series": 22978, "map": 14914, "sparse": 133},
	"msgpack": {"sparse": 239},
	"xml":     {"sparse": 394},
}

func TestCodecSizesOfMessages(t *testing.T) {
	got := map[string]map[string]int{}
	for _, c := range codecRows(t, codecbench.Selection{"tier": {codecbench.Tuned}, "rows": {codecbench.Generated}, "op": {codecbench.Encode}}) {
		if c.Wire == wireSizes[c.Codec][c.Shape] {
			continue
		}
		if got[c.Codec] == nil {
			got[c.Codec] = map[string]int{}
		}
		got[c.Codec][c.Shape] = c.Wire
	}
	if diff := cmp.Diff(messageSizes, got); diff != "" {
		t.Errorf("bytes on the wire (-want +got):\n%s", diff)
	}
}

func TestCodecSizes(t *testing.T) {
	got := map[string]map[string]int{}
	for _, c := range codecRows(t, codecbench.Selection{"tier": {codecbench.Tuned}, "rows": {codecbench.Plain}, "op": {codecbench.Encode}}) {
		if wireSizes[c.Codec] == nil {
			t.Errorf("codec %s has no sizes in this test", c.Codec)
			continue
		}
		if got[c.Codec] == nil {
			got[c.Codec] = map[string]int{}
		}
		got[c.Codec][c.Shape] = c.Wire
		const frame = 32 // what gzip and zstd add to what does not compress, and a little for each block
		if most := c.Wire + c.Wire/1000 + frame; c.Gzip > most || c.Zstd > most {
			t.Errorf("%s: %d bytes are %d with gzip and %d with zstd", c.Name(), c.Wire, c.Gzip, c.Zstd)
		}
	}
	if diff := cmp.Diff(wireSizes, got); diff != "" {
		t.Errorf("bytes on the wire (-want +got):\n%s", diff)
	}
}

func TestGeneratedMessagesHaveTheBytesOfPlainStructsInProtobuf(t *testing.T) {
	plain := map[string]int{}
	for _, c := range codecRows(t, codecbench.Selection{"codec": {"protobuf"}, "tier": {codecbench.Tuned}, "op": {codecbench.Encode}}) {
		if c.Rows == codecbench.Plain {
			plain[c.Shape] = c.Wire
			continue
		}
		if c.Wire != plain[c.Shape] {
			t.Errorf("%s: %d bytes, and %d as a plain struct", c.Shape, c.Wire, plain[c.Shape])
		}
	}
}

// TestCodecAllocations asserts what one call allocates when it is not the first: encoding
// a flat order into a buffer nothing, decoding one the value itself; its strings were seen before.
func TestCodecAllocations(t *testing.T) {
	most := map[string]float64{codecbench.Encode: 0, codecbench.Decode: 1}
	for _, c := range codecRows(t, codecbench.Selection{"shape": {"order"}, "tier": {codecbench.Tuned}, "rows": {codecbench.Plain}}) {
		work := c.Worker()
		if got := testing.AllocsPerRun(500, func() { must(t, work()) }); got > most[c.Op] {
			t.Errorf("%s: got %v allocations, want at most %v", c.Name(), got, most[c.Op])
		}
	}
}

func codecRows(t *testing.T, s codecbench.Selection) []*codecbench.Case {
	t.Helper()
	cases, _, err := codecbench.Prepare(all.Makers(), s)
	must(t, err)
	return cases
}
