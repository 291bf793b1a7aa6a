package grpcwire

import (
	"bytes"
	"errors"
	"iter"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/transport"
)

// Methods of the bus, which proto/polywire/v1/bus.proto describes. Its messages
// are written and read here by hand: a body is then copied by nobody, the
// application's fields keep their order, and what is left of the descriptor is for reflection.
const (
	busService = "polywire.v1.Bus"
	busPrefix  = "/" + busService + "/"
	busSend    = "/polywire.v1.Bus/Send"
	busPublish = "/polywire.v1.Bus/Publish"
	busRequest = "/polywire.v1.Bus/Request"
	busGather  = "/polywire.v1.Bus/Gather"
	busAttach  = "/polywire.v1.Bus/Attach"
	busLink    = "/polywire.v1.Bus/Link"

	healthCheck = "/grpc.health.v1.Health/Check"
)

// Fields of polywire.v1.Message.
const (
	messageDestination protowire.Number = iota + 1
	messageType
	messageBody
	messageField
	messageError
)

// Fields of polywire.v1.Field.
const (
	fieldKey protowire.Number = iota + 1
	fieldValue
)

// Fields of polywire.v1.Status, which is google.rpc.Status and what that lacks.
const (
	statusCode protowire.Number = iota + 1
	statusMessage
	statusDetail
	statusRetry // microseconds
	statusNobody
)

// Fields of google.protobuf.Any.
const (
	anyType protowire.Number = iota + 1
	anyValue
)

// Fields of polywire.v1.Answers.
const (
	answersMessage protowire.Number = iota + 1
	answersEnd
)

// Fields of polywire.v1.Attaching.
const (
	attachingOpen protowire.Number = iota + 1
	attachingAccept
	attachingRelease
	attachingSilent
	attachingAnswer
	attachingStop
)

// Fields of polywire.v1.Open.
const (
	openPattern protowire.Number = iota + 1
	openGroup
	openHandle
	openCredit
)

// Fields of polywire.v1.Answer, and of polywire.v1.Delivery.
const (
	answerNumber protowire.Number = iota + 1
	answerMessage
	deliveryReply
	deliveryGather
)

// Fields of polywire.v1.Delivering.
const (
	deliveringDelivery protowire.Number = iota + 1
	deliveringCancel
)

// A protoField is one field of a message of Protobuf: a number, or bytes.
type protoField struct {
	number protowire.Number
	value  uint64
	bytes  []byte
}

var errProto = errors.New("the message is no Protobuf")

// fieldsOf yields the numbers and bytes of a message, and last, with number 0, that it cannot be read.
func fieldsOf(b []byte) iter.Seq[protoField] {
	return func(yield func(protoField) bool) {
		for len(b) > 0 {
			number, kind, n := protowire.ConsumeTag(b)
			if n < 0 {
				yield(protoField{})
				return
			}
			b = b[n:]
			f := protoField{number: number}
			switch kind {
			case protowire.VarintType:
				f.value, n = protowire.ConsumeVarint(b)
			case protowire.BytesType:
				f.bytes, n = protowire.ConsumeBytes(b)
			default: // none of ours
				if n = protowire.ConsumeFieldValue(number, kind, b); n >= 0 {
					b = b[n:]
					continue
				}
			}
			if n < 0 {
				yield(protoField{})
				return
			}
			b = b[n:]
			if !yield(f) {
				return
			}
		}
	}
}

func appendBytes(b []byte, number protowire.Number, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func appendText(b []byte, number protowire.Number, value string) []byte {
	if value == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func appendNumber(b []byte, number protowire.Number, value uint64) []byte {
	if value == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), value)
}

// appendMessage writes e as a polywire.v1.Message.
func appendMessage(b []byte, e *transport.Envelope) []byte {
	b = appendText(b, messageDestination, e.Destination)
	b = appendText(b, messageType, e.ContentType)
	b = appendBytes(b, messageBody, e.Body)
	for key, value := range e.Fields() {
		if carried(key) {
			b = appendField(b, messageField, key, value)
		}
	}
	if e.Err != nil {
		b = appendBytes(b, messageError, appendError(nil, e.Err))
	}
	return b
}

func appendError(b []byte, e *transport.Error) []byte {
	b = appendNumber(b, statusCode, uint64(e.Code))
	b = appendText(b, statusMessage, e.Message)
	for _, d := range e.Details {
		b = appendBytes(b, statusDetail, appendBytes(appendText(nil, anyType, d.Type), anyValue, d.Data))
	}
	if e.RetryAfter > 0 {
		b = appendNumber(b, statusRetry, uint64(e.RetryAfter/time.Microsecond))
	}
	if errors.Is(e, transport.ErrNoHandler) {
		b = appendNumber(b, statusNobody, 1)
	}
	return b
}

// readError reads a polywire.v1.Status. What is no code is unknown.
func readError(b []byte) *transport.Error {
	e := &transport.Error{Code: transport.CodeUnknown}
	for f := range fieldsOf(b) {
		switch f.number {
		case statusCode:
			e.Code = codeOf(codes.Code(min(f.value, 99)))
		case statusMessage:
			e.Message = string(f.bytes)
		case statusDetail:
			e.Details = append(e.Details, readDetail(f.bytes))
		case statusRetry:
			e.RetryAfter = time.Duration(min(f.value, uint64(24*time.Hour/time.Microsecond))) * time.Microsecond
		case statusNobody:
			if f.value == 1 {
				return transport.CodeUnavailable.Errorf("%w", transport.ErrNoHandler)
			}
		}
	}
	return e
}

func readDetail(b []byte) transport.Detail {
	var d transport.Detail
	for f := range fieldsOf(b) {
		switch f.number {
		case anyType:
			d.Type = string(f.bytes)
		case anyValue:
			d.Data = bytes.Clone(f.bytes)
		}
	}
	return d
}

// carried reports whether one of Envelope.Fields is a Field of a Message. Others have a place of their own, or are not a peer's to set.
func carried(key string) bool {
	return !strings.HasPrefix(key, ownPrefix) || travels(key) || key == paramKey || key == "polywire-timeout"
}

func appendField(b []byte, number protowire.Number, key, value string) []byte {
	n := sizeText(fieldKey, key) + sizeText(fieldValue, value)
	b = protowire.AppendVarint(protowire.AppendTag(b, number, protowire.BytesType), uint64(n))
	return appendText(appendText(b, fieldKey, key), fieldValue, value)
}

func sizeText(number protowire.Number, s string) int {
	if s == "" {
		return 0
	}
	return protowire.SizeTag(number) + protowire.SizeBytes(len(s))
}

// readMessage reads a polywire.v1.Message, whose body stays where it is.
func readMessage(b []byte) (*transport.Envelope, error) {
	e := &transport.Envelope{}
	size := 0
	for f := range fieldsOf(b) {
		switch f.number {
		case 0:
			return nil, invalid("%w", errProto)
		case messageDestination:
			e.Destination = string(f.bytes)
		case messageType:
			e.SetField(typeKey, string(f.bytes))
		case messageBody:
			e.Body = f.bytes
		case messageError:
			e.Err = readError(f.bytes)
		case messageField:
			key, value := readField(f.bytes)
			size += len(key) + len(value)
			if e.Header.Len() >= fieldtext.MaxFields || size > 2*fieldtext.MaxFieldBytes {
				return nil, fieldtext.TooMany()
			}
			if carried(strings.ToLower(key)) {
				e.SetField(key, value)
			}
		}
	}
	return e, nil
}

func readField(b []byte) (key, value string) {
	for f := range fieldsOf(b) {
		switch f.number {
		case fieldKey:
			key = string(f.bytes)
		case fieldValue:
			value = string(f.bytes)
		}
	}
	return key, value
}
