package amqpwire

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/polywire/polywire/transport"
)

const (
	frameMax     = 128 << 10 // RabbitMQ's own default
	channelMax   = 2047
	maxKnown     = 4096 // queues that a session remembers to have declared
	closeGrace   = time.Second
	unlimitedTry = 1_000_000 // redeliveries; RabbitMQ 4 drops a message after 20 unless told otherwise
)

// A session is one life of the two connections to the broker: out publishes, in
// consumes and declares, so that a broker that slows publishers down does not
// hold up consumers and their acks. When either is lost both are closed.
type session struct {
	opts      *options
	names     names
	out, in   *link
	tasks     tasks
	durable   *publisher // for what must survive
	transient *publisher // for requests and replies, whose confirms come at once
	flow      flow
	quorum    bool // the broker has quorum queues with message expiry

	admin    chan struct{} // a mutex that a ctx can give up: guards declares
	declares *amqp.Channel // of in; nil until used, and after it was lost

	mu    sync.Mutex // guards known
	known map[string]struct{}

	done    chan struct{} // closed by fail
	once    sync.Once     // of fail
	err     error         // written before done is closed
	closeBy time.Time     // likewise: until when the broker may answer our goodbye
}

// A link is one AMQP connection and the socket under it.
type link struct {
	pipe *pipe
	conn *amqp.Connection
}

// openSession makes one attempt within ctx; limit is the largest body that may be read.
func openSession(ctx context.Context, o *options, limit uint64) (*session, error) {
	s := &session{
		opts: o, names: names{o.prefix},
		admin: make(chan struct{}, 1), known: make(map[string]struct{}), done: make(chan struct{}),
	}
	ctx, cancel := context.WithTimeout(ctx, o.connectTimeout)
	defer cancel()
	err := s.open(ctx, limit)
	if err != nil {
		s.fail(err, time.Now())
		s.end()
		if ctx.Err() != nil {
			return nil, transport.CodeUnavailable.Errorf("no broker answers in time: %w", err)
		}
		return nil, err
	}
	return s, nil
}

func (s *session) open(ctx context.Context, limit uint64) (err error) {
	if s.out, err = dial(ctx, s.opts, limit); err != nil {
		return err
	}
	if s.in, err = dial(ctx, s.opts, limit); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { // the library's calls obey no ctx
		_ = s.out.pipe.Conn.Close()
		_ = s.in.pipe.Conn.Close()
	})
	defer stop()
	s.quorum = atLeast(s.in.conn.Properties, 3, 10)
	s.flow.init()
	blocks := s.out.conn.NotifyBlocked(make(chan amqp.Blocking, 1)) // written and closed by the library
	s.tasks.start(func() { s.flow.follow(blocks) })
	s.durable, s.transient = newPublisher(s, s.opts.window), newPublisher(s, s.opts.window)
	for _, p := range []*publisher{s.durable, s.transient} {
		if err := p.open(); err != nil {
			return err
		}
	}
	return s.declare(ctx, func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare(s.names.topic(), amqp.ExchangeTopic, true, false, false, false, nil)
	})
}

func dial(ctx context.Context, o *options, limit uint64) (*link, error) {
	var d net.Dialer
	socket, err := d.DialContext(ctx, "tcp", o.address)
	if err != nil {
		return nil, openError(err)
	}
	if o.tls {
		secure := tls.Client(socket, o.trust.Config(cmp.Or(o.serverName, o.host)))
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = socket.Close()
			return nil, openError(err)
		}
		socket = secure
	}
	p := newPipe(socket, limit)
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	defer stop()
	properties := amqp.Table{"product": "polywire", "platform": "golang"}
	conn, err := amqp.Open(p, amqp.Config{
		SASL:  []amqp.Authentication{&login{amqp.PlainAuth{Username: o.user, Password: o.password}, properties}},
		Vhost: o.vhost, ChannelMax: channelMax, FrameSize: frameMax, Heartbeat: o.heartbeat, Locale: "en_US",
		Properties: properties,
	})
	if err != nil {
		_ = socket.Close() // Open leaves the socket, and its reader, as they are
		_ = p.Close()
		<-p.ended
		return nil, openError(err)
	}
	return &link{p, conn}, nil
}

// A login asks the broker to say so when it refuses a user, instead of closing the connection without a word, which a
// network does too. The library has written its own capabilities into the properties by then.
type login struct {
	amqp.PlainAuth
	properties amqp.Table
}

// Mechanism is asked for between the library's last look at the properties and their way to the broker.
func (l *login) Mechanism() string {
	if capabilities, ok := l.properties["capabilities"].(amqp.Table); ok {
		capabilities["authentication_failure_close"] = true
	}
	return l.PlainAuth.Mechanism()
}

// atLeast reports whether the broker is a RabbitMQ of that version or later.
func atLeast(properties amqp.Table, major, minor int) bool {
	product, _ := properties["product"].(string)
	version, _ := properties["version"].(string)
	parts := strings.SplitN(version, ".", 3)
	if product != "RabbitMQ" || len(parts) < 2 {
		return false
	}
	a, err1 := strconv.Atoi(parts[0])
	b, err2 := strconv.Atoi(parts[1])
	return err1 == nil && err2 == nil && (a > major || a == major && b >= minor)
}

// Done is closed when either connection was lost, or close was called.
func (s *session) Done() <-chan struct{} { return s.done }

// Err tells why, once Done is closed.
func (s *session) Err() error { return s.err }

// fail ends the session, once; watch then closes what there is.
func (s *session) fail(err error, closeBy time.Time) {
	s.once.Do(func() {
		s.err, s.closeBy = err, closeBy
		close(s.done)
	})
}

// watch waits for the end of the session and closes both connections. It returns
// when all goroutines of the session have ended.
func (s *session) watch() {
	out := s.out.conn.NotifyClose(make(chan *amqp.Error, 1)) // written and closed by the library
	in := s.in.conn.NotifyClose(make(chan *amqp.Error, 1))
	select {
	case err := <-out:
		s.fail(lossError(err), time.Now().Add(closeGrace))
	case err := <-in:
		s.fail(lossError(err), time.Now().Add(closeGrace))
	case <-s.done:
	}
	s.end()
}

func lossError(err *amqp.Error) error {
	if err == nil {
		return errSessionClosed
	}
	return wireError(err)
}

// end closes the connections, which ends the library's goroutines and ours.
func (s *session) end() {
	var wg sync.WaitGroup
	for _, l := range []*link{s.out, s.in} {
		if l == nil {
			continue
		}
		wg.Go(func() {
			// The library moves its deadline on with every frame that it reads meanwhile.
			force := time.AfterFunc(time.Until(s.closeBy), func() { _ = l.pipe.Conn.Close() })
			defer force.Stop()
			_ = l.conn.CloseDeadline(s.closeBy) // fails when the connection is gone, which is as good
			_ = l.pipe.Close()
			<-l.pipe.ended
		})
	}
	wg.Wait()
	_ = s.tasks.wait(context.Background()) // every task ends with the connections
}

// declare runs f, which may declare and delete, on a channel for that alone: the
// broker closes the channel of a failed declaration, with all its consumers.
func (s *session) declare(ctx context.Context, f func(*amqp.Channel) error) error {
	select {
	case s.admin <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	result := make(chan error, 1) // written by the task, read here unless ctx ended
	started := s.tasks.start(func() {
		defer func() { <-s.admin }()
		result <- wireError(s.onAdmin(f))
	})
	if !started {
		<-s.admin
		return errSessionClosed
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) onAdmin(f func(*amqp.Channel) error) error {
	if s.declares == nil || s.declares.IsClosed() {
		ch, err := s.in.conn.Channel()
		if err != nil {
			return err
		}
		s.declares = ch
	}
	return f(s.declares)
}

// ensureQueue declares a durable queue, unless this session did.
func (s *session) ensureQueue(ctx context.Context, name string) error {
	s.mu.Lock()
	_, ok := s.known[name]
	s.mu.Unlock()
	if ok {
		return nil
	}
	err := s.declare(ctx, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(name, true, false, false, false, s.durableArgs())
		return err
	})
	if brokerCode(err) == amqp.PreconditionFailed && s.opts.queue == queueAuto {
		// It exists with other arguments, as one made by an older broker: it serves as well.
		err = s.declare(ctx, func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
			return err
		})
	}
	if brokerCode(err) == amqp.PreconditionFailed {
		return transport.CodeFailedPrecondition.Errorf("queue %q exists with other arguments: give all services the same ?queue=, ?single= and ?expires=, or delete it: %w", name, err)
	}
	if err == nil {
		s.remember(name)
	}
	return err
}

func (s *session) remember(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxKnown {
		clear(s.known)
	}
	s.known[name] = struct{}{}
}

func (s *session) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, name)
}

func (s *session) durableArgs() amqp.Table {
	args := s.sharedArgs()
	if s.opts.queue == queueQuorum || s.opts.queue == queueAuto && s.quorum {
		args["x-queue-type"] = "quorum"
		args["x-delivery-limit"] = int32(unlimitedTry)
	}
	if s.opts.expires > 0 {
		args["x-expires"] = s.opts.expires.Milliseconds()
	}
	return args
}

// sharedArgs are those of every queue at which handlers compete.
func (s *session) sharedArgs() amqp.Table {
	args := amqp.Table{}
	if s.opts.single {
		args["x-single-active-consumer"] = true
	}
	return args
}

// A flow holds publishers back while the broker has blocked the connection, for lack of memory or disk.
type flow struct {
	mu   sync.Mutex    // guards open
	open chan struct{} // closed while publishing is welcome; replaced by follow
}

func (f *flow) init() {
	f.open = make(chan struct{})
	close(f.open)
}

// follow ends when the library closes blocks, with the connection.
func (f *flow) follow(blocks <-chan amqp.Blocking) {
	blocked := false
	for b := range blocks {
		f.mu.Lock()
		switch {
		case b.Active && !blocked:
			f.open = make(chan struct{})
		case !b.Active && blocked:
			close(f.open)
		}
		blocked = b.Active
		f.mu.Unlock()
	}
}

// welcome waits until publishing is, the session ends, or ctx does.
func (s *session) welcome(ctx context.Context) error {
	s.flow.mu.Lock()
	open := s.flow.open
	s.flow.mu.Unlock()
	select {
	case <-open:
		return nil
	case <-s.done:
		return errSessionClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
