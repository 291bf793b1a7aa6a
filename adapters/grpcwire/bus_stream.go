package grpcwire

import (
	"iter"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
)

// numbersOf yields the numbers of a repeated field, packed or not.
func numbersOf(f protoField) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		if f.bytes == nil {
			yield(f.value)
			return
		}
		for b := f.bytes; len(b) > 0; {
			v, n := protowire.ConsumeVarint(b)
			if n < 0 || !yield(v) {
				return
			}
			b = b[n:]
		}
	}
}

func appendNumbers(b []byte, number protowire.Number, values []uint64) []byte {
	if len(values) == 0 {
		return b
	}
	n := 0
	for _, v := range values {
		n += protowire.SizeVarint(v)
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, number, protowire.BytesType), uint64(n)) //nolint:gosec // a length
	for _, v := range values {
		b = protowire.AppendVarint(b, v)
	}
	return b
}

func appendFlag(b []byte, number protowire.Number, on bool) []byte {
	if on {
		return appendNumber(b, number, 1)
	}
	return b
}

// appendOpening writes a polywire.v1.Open.
func appendOpening(b []byte, spec *transport.Binding) []byte {
	b = appendText(b, openPattern, spec.Pattern)
	b = appendText(b, openGroup, spec.Group)
	b = appendFlag(b, openHandle, spec.Kind == transport.KindQueue)
	return appendNumber(b, openCredit, uint64(spec.Credit)) //nolint:gosec // above 0
}

// readOpening reads the first message of a polywire.v1.Attaching.
func readOpening(b []byte) (transport.Binding, error) {
	for f := range fieldsOf(b) {
		if f.number == attachingOpen {
			return readOpen(f.bytes)
		}
	}
	return transport.Binding{}, invalid("the first message of the stream says what to attach: set open")
}

// readOpen reads a polywire.v1.Open.
func readOpen(b []byte) (transport.Binding, error) {
	spec := transport.Binding{Kind: transport.KindTopic}
	for f := range fieldsOf(b) {
		switch f.number {
		case 0:
			return spec, invalid("%w", errProto)
		case openPattern:
			spec.Pattern = string(f.bytes)
		case openGroup:
			spec.Group = string(f.bytes)
		case openHandle:
			if f.value == 1 {
				spec.Kind = transport.KindQueue
			}
		case openCredit:
			spec.Credit = int(min(f.value, 1<<20)) //nolint:gosec // bounded
		}
	}
	return spec, nil
}

// appendItems writes as many items as fit into limit, and one at least, as a polywire.v1.Delivering. It returns how many.
func appendItems(b []byte, items []attach.Item, limit int) ([]byte, int) {
	n := 0
	for ; n < len(items) && len(b) < limit; n++ {
		i := &items[n]
		if i.Delivery == nil {
			b = appendNumber(b, deliveringCancel, i.N)
			continue
		}
		e := i.Delivery.Envelope()
		m := appendMessage(nil, e)
		d := appendNumber(nil, answerNumber, i.N)
		d = appendFlag(appendFlag(d, deliveryReply, e.ReplyAddress != ""), deliveryGather, e.Gather)
		size := len(d) + protowire.SizeTag(answerMessage) + protowire.SizeBytes(len(m))
		b = protowire.AppendVarint(protowire.AppendTag(b, deliveringDelivery, protowire.BytesType), uint64(size)) //nolint:gosec // a length
		b = appendBytes(append(b, d...), answerMessage, m)
	}
	return b, n
}

// A numbered message is a Delivery or an Answer.
type numbered struct {
	number        uint64
	message       []byte
	reply, gather bool
}

func readDelivery(b []byte) (d numbered, err error) {
	for f := range fieldsOf(b) {
		switch f.number {
		case 0:
			return d, errProto
		case answerNumber:
			d.number = f.value
		case answerMessage:
			d.message = f.bytes
		case deliveryReply:
			d.reply = f.value == 1
		case deliveryGather:
			d.gather = f.value == 1
		}
	}
	return d, nil
}

// appendTold writes settlements as a polywire.v1.Attaching.
func appendTold(b []byte, s *attach.Settlement) []byte {
	b = appendNumbers(b, attachingAccept, s.Accept)
	b = appendNumbers(b, attachingRelease, s.Release)
	b = appendNumbers(b, attachingSilent, s.Silent)
	return appendFlag(b, attachingStop, s.Stop)
}

// readTold reads a polywire.v1.Attaching that is not the first.
func readTold(b []byte) (*attach.Settlement, []numbered, error) {
	s := &attach.Settlement{}
	var answers []numbered
	for f := range fieldsOf(b) {
		switch f.number {
		case 0:
			return nil, nil, invalid("%w", errProto)
		case attachingAccept:
			for n := range numbersOf(f) {
				s.Accept = append(s.Accept, n)
			}
		case attachingRelease:
			for n := range numbersOf(f) {
				s.Release = append(s.Release, n)
			}
		case attachingSilent:
			for n := range numbersOf(f) {
				s.Silent = append(s.Silent, n)
			}
		case attachingAnswer:
			a, err := readDelivery(f.bytes)
			if err != nil {
				return nil, nil, invalid("%w", err)
			}
			answers = append(answers, a)
		case attachingStop:
			s.Stop = f.value == 1
		}
	}
	return s, answers, nil
}
