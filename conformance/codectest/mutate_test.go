package codectest_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/polywire/polywire/conformance/codectest"
	"github.com/polywire/polywire/internal/codecharness"
)

// messages are generated ones, with a one-of and a message inside.
func messages(t testing.TB) []codectest.Message {
	list, err := structpb.NewList([]any{1.5, "s", nil, true, map[string]any{"k": []any{"v"}}})
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b any) bool { return proto.Equal(a.(proto.Message), b.(proto.Message)) }
	return []codectest.Message{
		{Name: "a list of one-ofs", Value: list, New: func() any { return new(structpb.ListValue) }, Equal: same},
		{Name: "a time", Value: timestamppb.New(time.Unix(-5, 7)), New: func() any { return new(timestamppb.Timestamp) }, Equal: same},
	}
}

// full is the harness of a codec with all abilities.
func full(t testing.TB, name string) codectest.Harness {
	h, err := codecharness.Of(name)
	if err != nil {
		t.Fatal(err)
	}
	h.Messages = messages(t)
	h.Documents = []codectest.Document{
		{Rule: "white space", Data: []byte(" [ 1 ] "), Want: []int{1}},
		{Rule: "a fraction", Data: []byte("[1,2.5]"), Into: []int{}, Path: "[1]", Error: "fraction"},
	}
	if name != "json" {
		h.Documents, h.Messages = nil, nil
	}
	return h
}

// TestEverySeededFaultIsNoticed proves the suite: what breaks a rule on purpose fails the cases of that rule.
func TestEverySeededFaultIsNoticed(t *testing.T) {
	codectest.Mutate(t, full(t, "json"))
}

func TestEveryMustCaseNoticesAFault(t *testing.T) {
	var named []string
	for _, f := range codectest.Faults() {
		named = append(named, f.Cases...)
	}
	for _, c := range codectest.Cases() {
		if c.Level == codectest.Must && c.Tier == codectest.Fast && !slices.Contains(named, c.ID) {
			t.Errorf("no seeded fault shows that %s can fail: %s", c.ID, c.Rule)
		}
	}
}
