package router

// A list chains deliveries through their own links, so that waiting costs no
// allocation and one that gave up leaves from the middle at once. Not safe for concurrent use.
type list struct{ head, tail *delivery }

func (l *list) empty() bool { return l.head == nil }

func (l *list) push(d *delivery) { l.link(l.tail, d) }

// insert puts d at its place by age; most often that is an end.
func (l *list) insert(d *delivery) {
	before := l.tail
	if l.head != nil && d.seq < l.head.seq {
		before = nil
	}
	for before != nil && before.seq > d.seq {
		before = before.prev
	}
	l.link(before, d)
}

// link puts d behind before, or first when that is nil.
func (l *list) link(before, d *delivery) {
	d.list, d.prev = l, before
	next := &l.head
	if before != nil {
		next = &before.next
	}
	d.next, *next = *next, d
	if d.next != nil {
		d.next.prev = d
	} else {
		l.tail = d
	}
}

func (l *list) remove(d *delivery) {
	if d.prev != nil {
		d.prev.next = d.next
	} else {
		l.head = d.next
	}
	if d.next != nil {
		d.next.prev = d.prev
	} else {
		l.tail = d.prev
	}
	d.next, d.prev, d.list = nil, nil, nil
}

// pop takes the oldest; nil when there is none.
func (l *list) pop() *delivery {
	d := l.head
	if d != nil {
		l.remove(d)
	}
	return d
}
