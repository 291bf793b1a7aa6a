package avrocodec

import (
	"fmt"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
)

// An action is how what a writer's node says becomes a value of a shape.
type action uint8

const (
	readBool     action = iota + 1
	readInt             // int or long, into Int
	readUint            // int or long, into Uint
	readUint64          // fixed of eight bytes, into Int or Uint
	readFloat           // into Float
	readDouble          // into Float
	readWhole           // int or long, into Float
	readString          // string or bytes, into String
	readText            // likewise, into Text
	readBytes           // bytes or string, into Bytes
	readFixed           // into Bytes
	readTime            // record, into Time
	readSymbol          // enum, into String or Text
	readIndex           // enum, into Int or Uint
	readNull            // nothing, which leaves an optional value nil
	readSome            // into what an optional value or a pointer then points to
	readUnion           // one of the branches
	readList            // array, into List or Array
	readMap             // map, into Map
	readRecord          // record, into Struct
	readMismatch        // the branch of a union that the shape cannot hold
)

// A reader is one value of a writer's schema and what it becomes. It is the answer
// to how the two schemas differ, found once and then followed for each message.
type reader struct {
	action   action
	writer   *node
	plan     *plan
	elem     *reader
	branches []*reader
	fields   []readerField // in the writer's order
	absent   []absentField // those of ours that the writer lacks and that are not zero then
	symbols  []symbol      // of an enum, by the writer's index
	err      *mismatchError
}

// A readerField is a field of the writer's record. Without a reader it is skipped;
// in a time, which has no fields of a shape, it is the seconds or the nanoseconds.
type readerField struct {
	at     *shape.Field
	reader *reader
	node   *node
	part   timePart
}

type timePart uint8

const (
	noPart timePart = iota
	theSeconds
	theNanos
)

// An absentField is a field with its default, as Avro writes it.
type absentField struct {
	at     *shape.Field
	reader *reader
	wire   []byte
}

// A symbol is what an index of a writer's enum means here.
type symbol struct {
	known bool
	text  string
	index int64
}

// A mismatchError is an error of a resolver with its place: kept, it is told many times.
type mismatchError struct {
	path string
	err  error
}

// again returns the error as a new one, which may be wrapped.
func (e *mismatchError) again() error {
	if e.path == "" {
		return e.err
	}
	return &shape.PathError{Path: e.path, Err: e.err}
}

// A resolver makes the readers of a writer's schema and a plan. A pair that leads
// back to itself ends in a loop of readers.
type resolver struct {
	made map[resolved]*reader
}

type resolved struct {
	writer *node
	plan   *plan
}

// newReader resolves a writer's schema against the plan of a type.
func newReader(w *node, p *plan) (*reader, error) {
	r := resolver{made: make(map[resolved]*reader)}
	return r.reader(w, p)
}

func (r *resolver) reader(w *node, p *plan) (*reader, error) {
	key := resolved{w, p}
	if made := r.made[key]; made != nil {
		if made.err != nil {
			return made, made.err.again()
		}
		return made, nil
	}
	made := &reader{writer: w, plan: p}
	r.made[key] = made
	err := r.fill(made)
	if err != nil { // also for those that led here while this was not known
		path, cause := shape.Split(err)
		made.action, made.err = readMismatch, &mismatchError{path, cause}
	}
	return made, err
}

func (r *resolver) fill(made *reader) (err error) {
	w, p := made.writer, made.plan
	switch {
	case w.kind == isUnion:
		return r.union(made)
	case p.form == asOptional && w.kind == isNull:
		made.action = readNull
		return nil
	case p.form == asOptional || p.form == asPresent:
		made.action = readSome
		made.elem, err = r.reader(w, p.elem)
		return err
	case p.form == asRecord && w.kind == isRecord:
		return r.record(made)
	case p.form == asTime && w.kind == isRecord:
		return r.time(made)
	case p.form == asList && w.kind == isArray:
		made.action = readList
		return r.items(made)
	case p.form == asMap && w.kind == isMap:
		made.action = readMap
		return r.items(made)
	case w.kind == isEnum:
		return r.enum(made)
	case p.form == asSymbol || p.form == asIndex:
		return mismatch(w, p)
	}
	if made.action = scalarAction(w, p.shape.Kind); made.action == 0 {
		return mismatch(w, p)
	}
	return nil
}

// mismatch is the error of a writer's type that the shape does not hold.
func mismatch(w *node, p *plan) error {
	return fmt.Errorf("want %s, got %s", p.shape.Kind, w.kind)
}

func scalarAction(w *node, k shape.Kind) action {
	number, text := w.kind == isInt || w.kind == isLong, w.kind == isString || w.kind == isBytes
	switch {
	case w.kind == isBoolean && k == shape.Bool:
		return readBool
	case number && (k == shape.Int || k == shape.Duration):
		return readInt
	case number && k == shape.Uint:
		return readUint
	case number && k == shape.Float:
		return readWhole
	case w.kind == isFixed && w.size == 8 && (k == shape.Uint || k == shape.Int && w.name == nameUint64):
		return readUint64
	case w.kind == isFloat && k == shape.Float:
		return readFloat
	case w.kind == isDouble && k == shape.Float:
		return readDouble
	case text && k == shape.String:
		return readString
	case text && k == shape.Text:
		return readText
	case text && k == shape.Bytes:
		return readBytes
	case w.kind == isFixed && k == shape.Bytes:
		return readFixed
	}
	return 0
}

// union resolves each branch. One that does not fit is an error of the messages in
// which it is taken, not of all.
func (r *resolver) union(made *reader) error {
	made.action = readUnion
	for _, branch := range made.writer.branches {
		b, _ := r.reader(branch, made.plan) // which is a readMismatch then
		made.branches = append(made.branches, b)
	}
	return nil
}

func (r *resolver) items(made *reader) (err error) {
	if made.elem, err = r.reader(made.writer.items, made.plan.elem); err != nil {
		return shape.InField(err, "[]")
	}
	return nil
}

// record finds for each field of ours the writer's of that name, or of an alias.
func (r *resolver) record(made *reader) error {
	made.action = readRecord
	made.fields = make([]readerField, len(made.writer.fields))
	for i := range made.writer.fields {
		made.fields[i].node = made.writer.fields[i].node
	}
	for i := range made.plan.fields {
		ours := &made.plan.fields[i]
		at := made.writer.findAny(ours.member)
		if at < 0 || made.fields[at].reader != nil {
			if err := r.absent(made, ours); err != nil {
				return shape.InField(err, ours.at.Name)
			}
			continue
		}
		of, err := r.reader(made.writer.fields[at].node, ours.plan)
		if err != nil {
			return shape.InField(err, ours.at.Name)
		}
		if ours.zero {
			of.nullIsZero()
		}
		made.fields[at].at, made.fields[at].reader = ours.at, of
	}
	return nil
}

// nullIsZero lets a field that was optional and no longer is be null: absent is
// zero, in every format. r is of no other place, as unions and nulls have no name.
func (r *reader) nullIsZero() {
	if r.action != readUnion || r.plan.form == asOptional {
		return
	}
	for _, b := range r.branches {
		if b.writer.kind == isNull {
			b.action, b.err = readNull, nil
		}
	}
}

// findAny returns the position of the field that m is in a writer's record, or -1.
func (n *node) findAny(m *member) int {
	at := n.find(m.name)
	for i := 0; at < 0 && i < len(m.aliases); i++ {
		at = n.find(m.aliases[i])
	}
	return at
}

// absent gives a field that the writer lacks its default, which in a schema that
// we derived is zero.
func (r *resolver) absent(made *reader, f *planField) error {
	if f.zero {
		return nil
	}
	if !f.member.hasDef {
		return fmt.Errorf("the schema of the writer has no field %s, and the own one no default for it; give it one", f.member.name)
	}
	wire, err := encodeDefault(nil, f.member.node, f.member.def, 0)
	if err != nil {
		return err
	}
	of, err := r.reader(f.member.node, f.plan)
	if err != nil {
		return err
	}
	made.absent = append(made.absent, absentField{f.at, of, wire})
	return nil
}

// time takes a record that has the seconds and the nanoseconds among its fields.
func (r *resolver) time(made *reader) error {
	made.action = readTime
	found := timePart(0)
	for _, f := range made.writer.fields {
		part := readerField{node: f.node}
		number := f.node.kind == isInt || f.node.kind == isLong
		switch {
		case f.name == "seconds" && number:
			part.part = theSeconds
		case f.name == "nanos" && number:
			part.part = theNanos
		}
		found |= part.part
		made.fields = append(made.fields, part)
	}
	if found != theSeconds|theNanos {
		return mismatch(made.writer, made.plan)
	}
	return nil
}

// enum tells for each symbol of the writer what it is here: itself as text, or its
// index in our schema, else our default, else nothing.
func (r *resolver) enum(made *reader) error {
	p := made.plan
	switch {
	case p.form == asSymbol || p.form == asIndex:
		made.action = readIndex
	case p.form == asString || p.form == asText:
		made.action = readSymbol
	default:
		return mismatch(made.writer, p)
	}
	if p.form == asSymbol {
		made.action = readSymbol
	}
	for _, text := range made.writer.symbols {
		made.symbols = append(made.symbols, p.symbol(text))
	}
	return nil
}

func (p *plan) symbol(text string) symbol {
	if p.form == asString || p.form == asText {
		return symbol{known: true, text: text}
	}
	for _, wanted := range []string{text, p.node.fallback} {
		for i, ours := range p.node.symbols {
			if ours == wanted {
				return symbol{known: true, text: ours, index: int64(i)}
			}
		}
	}
	return symbol{}
}

// checkDefaults refuses a schema of ours with a default of the wrong type.
func checkDefaults(b *binder) error {
	for _, p := range b.made {
		for i := range p.fields {
			m := p.fields[i].member
			if !m.hasDef {
				continue
			}
			if _, err := encodeDefault(nil, m.node, m.def, 0); err != nil {
				return shape.InField(fmt.Errorf("%w: %w", codecs.ErrUnsupported, err), p.fields[i].at.GoName)
			}
		}
	}
	return nil
}
