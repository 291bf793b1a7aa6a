package oteltrace

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/messagingconv"
	"go.opentelemetry.io/otel/semconv/v1.43.0/rpcconv"

	"github.com/polywire/polywire/transport"
)

// This file alone names the semantic conventions: their next version changes nothing else.

const schemaURL = semconv.SchemaURL

// otherName is that of destinations which are too many to be told apart.
const otherName = "_OTHER"

// Names of the operations.
const (
	opSend    = "send"
	opRequest = "request"
	opPublish = "publish"
	opGather  = "gather"
	opProcess = "process"
)

// own is the system of adapters that are no broker which the conventions name.
const own = "polywire"

// What the conventions have no name for.
const (
	transportKey = attribute.Key("polywire.transport")      // the adapter's name
	styleKey     = attribute.Key("polywire.style")          // send, request, publish or gather
	attemptKey   = attribute.Key("polywire.attempt")        // of a delivery, from the second on
	answersKey   = attribute.Key("polywire.gather.answers") // how many came
	reasonKey    = attribute.Key("polywire.gather.reason")  // why the Gathering ended
	fromKey      = attribute.Key("polywire.gather.from")    // which subscription answered
)

// Names of events.
const (
	deferredEvent = "deferred" // the handler returned, and will answer later
	answerEvent   = "answer"   // an answer to a Gather came
)

// A subject is what a span, or a series of a metric, is about. It is comparable.
type subject struct {
	adapter, server string
	style           string // as the sender called it
	name            string // bounded, of the destination
	group           string // of a subscription
	inbound         bool
	code            transport.Code // what it ended with; 0 is well
}

func (s *subject) isCall() bool { return s.style == opRequest }

func (s *subject) operation() string {
	if s.inbound {
		return opProcess
	}
	return s.style
}

// title is the name of a span.
func (s *subject) title() string {
	if s.isCall() {
		return s.name
	}
	return s.operation() + " " + s.name
}

func rpcSystem(adapter string) rpcconv.SystemNameAttr {
	if adapter == "grpc" {
		return rpcconv.SystemNameGRPC
	}
	return own
}

func messagingSystem(adapter string) messagingconv.SystemAttr {
	switch adapter {
	case "amqp":
		return messagingconv.SystemRabbitMQ
	case "kafka":
		return messagingconv.SystemKafka
	}
	return own
}

// statusCode is a code as gRPC writes it, whatever the wire.
func statusCode(c transport.Code) string {
	if c == 0 {
		return "OK"
	}
	if c == transport.CodeCanceled {
		return "CANCELLED"
	}
	return strings.ToUpper(c.String())
}

// attributes are those of metrics, each with few values.
func (s *subject) attributes() []attribute.KeyValue { return append(s.started(), s.outcome()...) }

// started are the attributes that are known at the start.
func (s *subject) started() []attribute.KeyValue {
	if s.isCall() {
		return append(s.where(), semconv.RPCSystemNameKey.String(string(rpcSystem(s.adapter))), semconv.RPCMethod(s.name))
	}
	kind := messagingconv.OperationTypeSend
	if s.inbound {
		kind = messagingconv.OperationTypeProcess
	}
	out := append(s.where(), semconv.MessagingSystemKey.String(string(messagingSystem(s.adapter))), semconv.MessagingOperationName(s.operation()),
		semconv.MessagingOperationTypeKey.String(string(kind)), semconv.MessagingDestinationName(s.name))
	if s.group != "" {
		out = append(out, semconv.MessagingConsumerGroupName(s.group))
	}
	return out
}

// where is what a message goes through.
func (s *subject) where() []attribute.KeyValue {
	out := []attribute.KeyValue{transportKey.String(s.adapter)}
	if s.server == "" || strings.Contains(s.server, ",") || s.inbound {
		return out
	}
	host, port, err := net.SplitHostPort(s.server)
	if err != nil {
		return append(out, semconv.ServerAddress(s.server))
	}
	out = append(out, semconv.ServerAddress(host))
	if n, err := strconv.Atoi(port); err == nil {
		out = append(out, semconv.ServerPort(n))
	}
	return out
}

// flow are the attributes of what is told without its name: bodies, and what is in flight.
func (s *subject) flow() []attribute.KeyValue {
	direction := semconv.NetworkIODirectionTransmit
	if s.inbound {
		direction = semconv.NetworkIODirectionReceive
	}
	return []attribute.KeyValue{styleKey.String(s.style), direction, transportKey.String(s.adapter)}
}

// details are those of spans beside what metrics have: each with many values.
func (s *subject) details(msg *transport.Message) []attribute.KeyValue {
	out := []attribute.KeyValue{styleKey.String(s.style)}
	if msg.Attempt > 1 {
		out = append(out, attemptKey.Int(msg.Attempt))
	}
	if s.isCall() {
		if s.name != msg.Destination {
			out = append(out, semconv.RPCMethodOriginal(msg.Destination))
		}
		return out
	}
	out = append(out, semconv.MessagingMessageBodySize(len(msg.Body)))
	if msg.ID != "" {
		out = append(out, semconv.MessagingMessageID(msg.ID))
	}
	if msg.CorrelationID != "" {
		out = append(out, semconv.MessagingMessageConversationID(msg.CorrelationID))
	}
	if s.name != msg.Destination { // the name is a pattern, or stands for many; the last value of a key counts
		out = append(out, semconv.MessagingDestinationName(msg.Destination), semconv.MessagingDestinationTemplate(s.name))
	}
	return out
}

// outcome are the attributes that a span gets at its end.
func (s *subject) outcome() []attribute.KeyValue {
	var out []attribute.KeyValue
	if s.isCall() {
		out = append(out, semconv.RPCResponseStatusCode(statusCode(s.code)))
	}
	if s.code != 0 {
		out = append(out, semconv.ErrorTypeKey.String(statusCode(s.code)))
	}
	return out
}

// failed reports whether what ended with the code counts as this side's error. A
// server that refuses what its caller asked for works as it should.
func (s *subject) failed() bool {
	if !s.isCall() || !s.inbound {
		return s.code != 0
	}
	switch s.code {
	case transport.CodeUnknown, transport.CodeDeadlineExceeded, transport.CodeUnimplemented, transport.CodeInternal,
		transport.CodeUnavailable, transport.CodeDataLoss:
		return true
	}
	return false
}

// instruments are the metrics. Methods of a nil one do nothing.
type instruments struct {
	client  rpcconv.ClientCallDuration
	server  rpcconv.ServerCallDuration
	sending messagingconv.ClientOperationDuration
	process messagingconv.ProcessDuration
	sent    messagingconv.ClientSentMessages
	got     messagingconv.ClientConsumedMessages
	size    metric.Int64Histogram
	active  metric.Int64UpDownCounter
	sets    sets // of attributes
	flows   sets // of flow
}

// buckets are those of durations, in seconds: from calls in one process to those that time out.
var buckets = [...]float64{0.00001, 0.0001, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30}

// newInstruments makes the metrics. Those of requests have the boundaries that the conventions give them.
func newInstruments(m metric.Meter) (*instruments, error) {
	seconds := metric.WithExplicitBucketBoundaries(buckets[:]...)
	var i instruments
	var errs [8]error
	i.client, errs[0] = rpcconv.NewClientCallDuration(m)
	i.server, errs[1] = rpcconv.NewServerCallDuration(m)
	i.sending, errs[2] = messagingconv.NewClientOperationDuration(m, seconds)
	i.process, errs[3] = messagingconv.NewProcessDuration(m, seconds)
	i.sent, errs[4] = messagingconv.NewClientSentMessages(m)
	i.got, errs[5] = messagingconv.NewClientConsumedMessages(m)
	i.size, errs[6] = m.Int64Histogram("polywire.message.body.size", metric.WithUnit("By"),
		metric.WithDescription("Size of bodies, of requests and replies alike, before compression."),
		metric.WithExplicitBucketBoundaries(0, 64, 256, 1<<10, 4<<10, 16<<10, 64<<10, 256<<10, 1<<20, 4<<20))
	i.active, errs[7] = m.Int64UpDownCounter("polywire.calls.active", metric.WithUnit("{call}"),
		metric.WithDescription("Calls that have not ended, and messages that are being handled."))
	return &i, errors.Join(errs[:]...)
}
