package protocodec

import (
	"cmp"
	"slices"

	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/encoding/protowire"
)

// A plan is what a Shape looks like on the wire.
type plan struct {
	root     node       // a message or an instant; behind a pointer, it is never nil
	messages []*message // all of them, in the order in which they were met
}

// A form is how one value is written after its tag.
type form uint8

const (
	boolean  form = iota + 1 // varint
	signed                   // varint, in two's complement
	unsigned                 // varint
	single                   // four bytes
	double                   // eight bytes
	text                     // a string
	selfText                 // a string of the type's own methods
	blob                     // bytes
	instant                  // a Timestamp
	nested                   // a message
)

// wire returns the wire type of a form.
func (f form) wire() protowire.Type {
	switch f {
	case boolean, signed, unsigned:
		return protowire.VarintType
	case single:
		return protowire.Fixed32Type
	case double:
		return protowire.Fixed64Type
	default:
		return protowire.BytesType
	}
}

// A node is one value: of a field, a list item, a key or what it leads to.
type node struct {
	form    form
	pointer bool // the value lies behind a pointer, which must not be nil
	wire    protowire.Type
	shape   *shape.Shape // of the value, without the pointer
	message *message     // of nested
}

// A rule is how many values a field has, and which are left out.
type rule uint8

const (
	implicit rule = iota + 1 // one; left out when zero
	optional                 // one behind a pointer; left out when nil
	repeated                 // those of a list or array
	mapped                   // the entries of a map
)

// A field is a member of a message. The tag is that of its records.
type field struct {
	name   string
	number protowire.Number
	tag    uint64
	rule   rule
	packed bool         // repeated, all values in one record
	at     *shape.Field // nil: the message is a wrapper, and the value its own
	shape  *shape.Shape // as declared: Pointer, List, Array and Map included
	item   node         // the value, a list item or what a key leads to
	key    node         // of mapped
}

// in returns err as it looks from the message that holds f.
func (f *field) in(err error) error {
	if f.at == nil {
		return err
	}
	return shape.InField(err, f.name)
}

// A message has its fields in the order of their numbers, in which generated code
// writes them.
type message struct {
	shape  *shape.Shape // a Struct, or what is wrapped
	fields []field
	arrays []int   // those of fields that have all items or none
	zeros  []int32 // as many as fields

	dense  []int16                  // by number: one more than the position in fields
	sparse map[protowire.Number]int // of the numbers that dense does not reach
}

// isStruct reports whether m counts as a level of depth; a wrapper does not, for
// the list inside does.
func (m *message) isStruct() bool { return m.shape.Kind == shape.Struct }

// maxDense bounds what a message spends on finding fields fast.
const maxDense = 1024

// find returns the position of the field of that number, or -1.
func (m *message) find(n protowire.Number) int {
	if int(n) < len(m.dense) {
		return int(m.dense[n]) - 1
	}
	if i, ok := m.sparse[n]; ok {
		return i
	}
	return -1
}

// index sorts the fields and fills what find needs.
func (m *message) index() {
	slices.SortFunc(m.fields, func(a, b field) int { return cmp.Compare(a.number, b.number) })
	m.zeros = make([]int32, len(m.fields))
	m.sparse = make(map[protowire.Number]int)
	for i := range m.fields {
		f := &m.fields[i]
		if f.rule == repeated && f.shape.Kind == shape.Array {
			m.arrays = append(m.arrays, i)
		}
		if f.number >= maxDense || i >= maxDense {
			m.sparse[f.number] = i
			continue
		}
		for len(m.dense) <= int(f.number) {
			m.dense = append(m.dense, 0)
		}
		m.dense[f.number] = int16(i + 1)
	}
}

// A planner makes the messages of one plan, each once, so that a type which refers
// to itself ends in a loop of messages.
type planner struct {
	lock *Lock
	plan *plan
	made map[*shape.Shape]*message
}

func newPlan(s *shape.Shape, lock *Lock) (*plan, error) {
	p := planner{lock: lock, plan: &plan{}, made: make(map[*shape.Shape]*message)}
	err := p.root(s)
	if err != nil {
		return nil, shape.InField(err, s.String())
	}
	return p.plan, nil
}

func (p *planner) root(s *shape.Shape) (err error) {
	root := &p.plan.root
	switch s.Kind {
	case shape.Pointer:
		err = p.root(s.Elem)
		root.pointer = true
	case shape.Struct, shape.Time:
		*root, err = p.node(s)
	default:
		root.form, root.shape = nested, s
		root.message, err = p.wrapper(s)
	}
	return err
}

// node returns how one value of Shape s is written.
func (p *planner) node(s *shape.Shape) (n node, err error) {
	n.shape = s
	switch s.Kind {
	case shape.Pointer:
		n, err = p.node(s.Elem)
		n.pointer = true
		return n, err
	case shape.Bool:
		n.form = boolean
	case shape.Int, shape.Duration:
		n.form = signed
	case shape.Uint:
		n.form = unsigned
	case shape.Float:
		if n.form = double; s.Bits == 32 {
			n.form = single
		}
	case shape.String:
		n.form = text
	case shape.Text:
		n.form = selfText
	case shape.Bytes:
		n.form = blob
	case shape.Time:
		n.form = instant
	case shape.Struct:
		n.form = nested
		n.message, err = p.message(s)
	default:
		n.form = nested
		n.message, err = p.wrapper(s)
	}
	n.wire = n.form.wire()
	return n, err
}

// message returns the message of a Struct.
func (p *planner) message(s *shape.Shape) (*message, error) {
	if m := p.made[s]; m != nil {
		return m, nil
	}
	m := p.add(s)
	numbers, err := p.lock.numbers(s)
	if err != nil {
		return nil, err
	}
	m.fields = make([]field, 0, len(s.Fields))
	for i := range s.Fields {
		at := &s.Fields[i]
		f, err := p.field(at.Name, numbers[i], at.Shape)
		if err != nil {
			return nil, shape.InField(err, at.GoName)
		}
		f.at = at
		m.fields = append(m.fields, f)
	}
	m.index()
	return m, nil
}

// wrapper returns the message around a value that has no place of its own: a list
// inside a list, or what is no message at the top.
func (p *planner) wrapper(s *shape.Shape) (*message, error) {
	if m := p.made[s]; m != nil {
		return m, nil
	}
	m := p.add(s)
	member := "value"
	switch s.Kind {
	case shape.List, shape.Array, shape.Map:
		member = "items"
	}
	f, err := p.field(member, 1, s)
	if err != nil {
		return nil, err
	}
	m.fields = []field{f}
	m.index()
	return m, nil
}

func (p *planner) add(s *shape.Shape) *message {
	m := &message{shape: s}
	p.made[s] = m
	p.plan.messages = append(p.plan.messages, m)
	return m
}

func (p *planner) field(name string, number protowire.Number, s *shape.Shape) (f field, err error) {
	f = field{name: name, number: number, rule: implicit, shape: s}
	of := s
	switch s.Kind {
	case shape.Pointer:
		f.rule, of = optional, s.Elem
	case shape.List, shape.Array:
		f.rule, of = repeated, s.Elem
	case shape.Map:
		f.rule, of = mapped, s.Elem
		if f.key, err = p.node(s.Key); err != nil {
			return f, shape.InField(err, "[key]")
		}
	}
	if f.item, err = p.node(of); err != nil {
		if f.rule == repeated || f.rule == mapped {
			err = shape.InField(err, "[]")
		}
		return f, err
	}
	f.packed = f.rule == repeated && f.item.wire != protowire.BytesType
	wire := f.item.wire
	if f.packed || f.rule == mapped {
		wire = protowire.BytesType
	}
	f.tag = protowire.EncodeTag(number, wire)
	return f, nil
}
