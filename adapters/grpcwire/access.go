package grpcwire

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

const authorization = "authorization"

// authenticate finds out who the visitor is, before anything that it sends is read.
func (v *visit) authenticate() error {
	var err error
	v.peer, err = v.n.a.setup.Access.Enter(v.ctx, v.evidence())
	return err
}

// evidence is what the visitor shows of itself.
func (v *visit) evidence() access.Evidence {
	if p, ok := peer.FromContext(v.ctx); ok {
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			return access.EvidenceOf(v.md[authorization], &info.State)
		}
	}
	return access.EvidenceOf(v.md[authorization], nil)
}

// admit is the one way in for every method: it asks whether the visitor may do verb with a
// destination, or a pattern, as it is once decoded. Envelopes of v say whom it let in.
func (v *visit) admit(verb access.Verb, destination string) error {
	return v.n.a.setup.Access.Admit(v.ctx, v.peer, verb, destination)
}

// attaches asks whether the visitor may have what b says: a subscription, or a handler, which the rules allow
// where there are some, else the node's option.
func (v *visit) attaches(b *transport.Binding) error {
	if b.Kind == transport.KindTopic {
		if err := transport.CheckPattern(b.Pattern); err != nil {
			return err
		}
		return v.admit(access.Subscribe, b.Pattern)
	}
	if err := transport.CheckDestination(b.Pattern); err != nil {
		return err
	}
	if !v.n.a.opts.Attach && !v.n.a.setup.Access.Decides() {
		return transport.CodePermissionDenied.Errorf("this node takes no handlers of other processes: handle the destination in its own process, or open it with ?attach")
	}
	return v.admit(access.Handle, b.Pattern)
}

// live makes v's ctx end with the visitor's identity, or its right to verb, for a stream. The caller calls the func when that has ended.
func (v *visit) live(verb access.Verb, destination string) context.CancelFunc {
	var end context.CancelFunc
	v.ctx, end = v.n.a.setup.Access.Life(v.ctx, access.Claim{Evidence: v.evidence(), Peer: v.peer, Verb: verb, Destination: destination})
	return end
}

// ended is the error of a stream whose visitor is no longer let in; nil when it ended otherwise.
func (v *visit) ended() error { return v.n.a.setup.Access.Ended(v.ctx) }

// nativeStream serves a stream of a generated service, which is a request of its method. It ends with the visitor's identity, or its right.
func (v *visit) nativeStream(serve func(grpc.ServerStream) error) error {
	if err := v.authenticate(); err != nil {
		return err
	}
	destination, err := destinationOf(v.method)
	if err != nil {
		return err
	}
	if err := v.admit(access.Request, destination); err != nil {
		return err
	}
	defer v.live(access.Request, destination)()
	s := &knownStream{ServerStream: v.stream, ctx: access.WithPeer(v.ctx, v.peer)}
	if !v.n.a.setup.Access.Bounds(v.peer) {
		return serve(s)
	}
	done := make(chan error, 1) // written by the handler, whose calls of the stream fail once this has returned
	v.n.serving.Add(1)          // of this visit, which has entered
	go func() { defer v.n.serving.Done(); done <- serve(s) }()
	select {
	case err := <-done:
		return err
	case <-v.ctx.Done():
	}
	if err := v.ended(); err != nil {
		return err
	}
	return <-done
}

// A knownStream is a stream whose ctx knows the peer, and ends with it.
type knownStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *knownStream) Context() context.Context { return s.ctx }

// shown adds the credentials of this process to the metadata of a call to a peer, for that alone.
func (a *adapter) shown(ctx context.Context, pairs []string, to *target) ([]string, error) {
	if !a.setup.Access.Shows() {
		return pairs, nil
	}
	value, err := a.setup.Access.Prove(ctx, a.opts.Scheme+"://"+to.name(), a.opts.Secure)
	if err != nil || value == "" {
		return pairs, err
	}
	return append(pairs, authorization, value), nil
}

// checkCredentials refuses at once what would fail with every call.
func (a *adapter) checkCredentials() error {
	if g := a.setup.Access; g.Shows() && !a.opts.Secure && !g.Insecure() {
		return invalid("credentials are not shown without TLS: use grpcs, or allow it by access.Policy's InsecureCredentials")
	}
	return nil
}
