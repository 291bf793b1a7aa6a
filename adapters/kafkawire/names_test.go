package kafkawire

import (
	"regexp"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport"
	"pgregory.net/rapid"
)

var (
	legalTopic  = regexp.MustCompile(`^[a-zA-Z0-9.-]{1,249}$`)
	destination = rapid.StringMatching(`[A-Za-z0-9_-]{1,12}(\.[A-Za-z0-9_-]{1,12}){0,5}`)
	kinds       = rapid.SampledFrom([]transport.Kind{transport.KindQueue, transport.KindTopic})
)

func TestDecodingATopicGivesTheDestination(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := names{rapid.StringMatching(`[A-Za-z0-9.-]{0,20}`).Draw(t, "prefix")}
		kind, d := kinds.Draw(t, "kind"), destination.Draw(t, "destination")
		topic, hashed := n.topic(kind, d)
		if !legalTopic.MatchString(topic) {
			t.Fatalf("%q is no topic of Kafka without underscores", topic)
		}
		gotKind, got, ok := n.destination(topic)
		if hashed == ok || ok && (got != d || gotKind != kind) {
			t.Fatalf("%s %q became %q and then %s %q, %v (hashed %v)", kind, d, topic, gotKind, got, ok, hashed)
		}
	})
}

func TestTwoDestinationsNeverShareATopic(t *testing.T) {
	n := names{}
	table := []string{"a.b", "a_b", "a-b", "a--b", "a-_b", "a_-b", "a-ub", "a--ub", "pub", "pub.a", "q--q.pub.a", "q--q", "polywire--reply", "a--h", "dead.a"}
	seen := map[string]string{n.reply(): "the reply topic"}
	for _, kind := range []transport.Kind{transport.KindQueue, transport.KindTopic} {
		for _, d := range table {
			topic, _ := n.topic(kind, d)
			key := strings.NewReplacer(".", "_").Replace(topic) // as Kafka's metrics see it
			if other, taken := seen[key]; taken {
				t.Errorf("%s %q and %s share %q", kind, d, other, topic)
			}
			seen[key] = kind.String() + " " + d
		}
	}
}

func TestTheLongestDestinationsFit(t *testing.T) {
	n := names{strings.Repeat("p", 64)}
	tokens := strings.Repeat("_", 179)
	a, aHashed := n.topic(transport.KindTopic, tokens+"a")
	b, bHashed := n.topic(transport.KindTopic, tokens+"b")
	if !aHashed || !bHashed || a == b || len(a) > maxTopic {
		t.Errorf("%q (%v) and %q (%v)", a, aHashed, b, bHashed)
	}
	plain, hashed := names{}.topic(transport.KindTopic, strings.Repeat("x", 180))
	if hashed || len(plain) != 184 {
		t.Errorf("a plain name became %q", plain)
	}
}

func TestAPatternMatchesTheTopicsOfItsDestinations(t *testing.T) {
	n := names{"t-"}
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`(\*|[a_-]{1,2})(\.(\*|[a_-]{1,2})){0,2}(\.>)?`).Draw(t, "pattern")
		d := rapid.StringMatching(`[a_-]{1,2}(\.[a_-]{1,2}){0,3}`).Draw(t, "destination")
		topic, _ := n.topic(transport.KindTopic, d)
		got := regexp.MustCompile(n.regex(pattern)).MatchString(topic)
		if want := transport.Match(pattern, d); got != want {
			t.Fatalf("pattern %q, destination %q, topic %q: regular expression says %v, Match %v", pattern, d, topic, got, want)
		}
	})
}

func TestReplyAddressesOfAnotherFormAreRefused(t *testing.T) {
	good := replyAddress{3, strings.Repeat("0f", 16)}
	if got, err := parseReplyAddress(good.String()); err != nil || got != good {
		t.Errorf("%v came back as %v, %v", good, got, err)
	}
	token := strings.Repeat("0", 32)
	for _, bad := range []string{"", "3", "3-", "-" + token, "03-" + token, "+3-" + token, "3-" + token + "0", "3-" + strings.Repeat("G", 32), "40000-" + token, "orders", "3." + token, "-1-" + token} {
		if _, err := parseReplyAddress(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzDestination(f *testing.F) {
	for _, s := range []string{"a", "pub.a", "q--q.pub.a", "a--ub", "a---u", "--", "polywire--reply", strings.Repeat("a", 249)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, topic string) {
		n := names{}
		kind, d, ok := n.destination(topic)
		if !ok {
			return
		}
		if again, _ := n.topic(kind, d); again != topic || transport.CheckDestination(d) != nil {
			t.Errorf("%q gives %s %q, which gives %q", topic, kind, d, again)
		}
	})
}
