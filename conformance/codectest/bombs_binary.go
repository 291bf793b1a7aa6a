package codectest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/polywire/polywire/codecs"
)

func msgpackBombs() []Bomb {
	var l bombList
	for _, size := range []string{"\xff\xff\xff\xff", "\x7f\xff\xff\xff", "\x80\x00\x00\x00", "\x3b\x9a\xca\x00", "\x00\x00\x00\x02"} {
		for _, code := range []string{"\xdd", "\xdf", "\xdb", "\xc6", "\xc9"} {
			name := fmt.Sprintf("%x of %x", code, size)
			l.one("size "+name, []string(nil), code+size+"\x01")
			l.one("size in a field "+name, nest{}, "\x81\xa4list"+code+size+"\x01")
			l.one("size in a map "+name, maps{}, "\x81\xa1s\x81\xa1k"+code+size+"\x01")
			l.one("size in what is skipped "+name, point{}, "\x81\xa1U"+code+size+"\x01")
		}
	}
	for _, opener := range []string{"\x91", "\x81\xa2in", "\x81\xa4list\x91", "\x81\xa2by\x81\xa1a", "\x81\xa4deep\x91\x91", "\x81\xa1U", "\xdd\x00\x00\x00\x01", "\xdf\x00\x00\x00\x01\xa1U"} {
		for _, size := range []int{small, middle, large} {
			l.add(fmt.Sprintf("openers %q", opener), nest{}, run{"", opener, ""}, size)
		}
	}
	list := func(n int) string { return "\xdd" + string(binary.BigEndian.AppendUint32(nil, uint32(n))) }
	object := func(n int) string { return "\xdf" + string(binary.BigEndian.AppendUint32(nil, uint32(n))) }
	for _, size := range []int{small, middle, large} {
		for item, into := range map[string]any{
			"\x00": []int64(nil), "\xa0": []string(nil), "\x80": []heavy(nil), "\x81\xa1p\x80": []sparseItem(nil), "\x90": [][]int32(nil), "\x91\x80": [][]heavy(nil),
			"\x81\xa0\x00": []map[string]int32(nil), "\xc4\x01a": [][]byte(nil), "\x81\xa4kids\x91\x80": []tree(nil), "\xc0": []point(nil),
		} {
			l.fill(fmt.Sprintf("items %q", item), into, items{list, item, ""}, size)
		}
		l.fill("names that are integers", point{}, items{object, "\x00\x00", ""}, size)
		l.fill("names that are one", point{}, items{object, "\xa1a\xa1b", ""}, size)
	}
	for _, junk := range []string{"\xc1", "\xc0", "\x00", "\xff", "\xd4\xff\x00", "\xc7\x00\x01", "\xca", "{\"a\":1}", "<a>"} {
		l.add(fmt.Sprintf("junk %q", junk), point{}, run{"", junk, ""}, middle)
	}
	return l
}

// varint is n as seven bits a byte, the lowest first.
func varint(n uint64) string { return string(binary.AppendUvarint(nil, n)) }

// field is a field of bytes of Protobuf.
func field(number int, body string) string {
	return varint(uint64(number)<<3|2) + varint(uint64(len(body))) + body
}

// nested is a field of bytes inside itself so many times, written from its end.
func nested(number, levels int) string {
	var backwards []byte
	for range levels {
		head := varint(uint64(number)<<3|2) + varint(uint64(len(backwards)))
		for i := len(head) - 1; i >= 0; i-- {
			backwards = append(backwards, head[i])
		}
	}
	slices.Reverse(backwards)
	return string(backwards)
}

func protobufBombs() []Bomb {
	var l bombList
	for _, size := range []uint64{1 << 7, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		for number, into := range map[int]any{1: text{}, 2: lists{}, 4: lists{}, 7: lists{}, 3: nest{}, 9: point{}, 11: lists{}} {
			l.one(fmt.Sprintf("size %#x in field %d", size, number), into, varint(uint64(number)<<3|2)+varint(size)+"\x01")
			l.one(fmt.Sprintf("size %#x in field %d inside", size, number), whole{}, field(7, varint(uint64(number)<<3|2)+varint(size)+"\x01"))
		}
	}
	for _, levels := range []int{101, 2000, 20_000} {
		for number, name := range map[int]string{1: "members", 2: "items", 9: "what is skipped"} {
			l.one(fmt.Sprintf("%d levels of %s", levels, name), nest{}, nested(number, levels))
		}
	}
	for _, size := range []int{small, middle, large} {
		l.add("groups", nest{}, run{"", "\x4b", ""}, size)
		l.add("ends of groups", nest{}, run{"", "\x4c", ""}, size)
		l.fill("fields that nobody knows", point{}, items{none, "\x48\x00", ""}, size)
		l.fill("groups that are empty", point{}, items{none, "\x4b\x4c", ""}, size)
		l.fill("numbers one by one", a[[]int64]{}, items{none, "\x08\x01", ""}, size)
		l.fill("strings", a[[]string]{}, items{none, "\x0a\x00", ""}, size)
		l.fill("messages", a[[]heavy]{}, items{none, "\x0a\x00", ""}, size)
		l.fill("messages by pointer", a[[]*heavier]{}, items{none, "\x0a\x00", ""}, size)
		l.fill("messages in messages", a[[]sparseItem]{}, items{none, "\x0a\x02\x0a\x00", ""}, size)
		l.fill("lists", a[[][]int32]{}, items{none, "\x0a\x00", ""}, size)
		l.fill("entries of one key", a[map[string]int32]{}, items{none, "\x0a\x00", ""}, size)
		l.fill("packed lists of one", a[[]int64]{}, items{none, "\x0a\x01\x01", ""}, size)
		l.fill("one field again and again", point{}, items{none, "\x08\x01", ""}, size)
		l.add("a varint without end", point{}, run{"\x08", "\xff", ""}, size)
	}
	for _, junk := range []string{"\x00", "\x07", "\x0e", "\x0f", "\xff", "\x0b", "\x0c", "\x09", "\x0d", "\x0a", "{\"a\":1}", "<a>", "\x80"} {
		l.add(fmt.Sprintf("junk %q", junk), point{}, run{"", junk, ""}, middle)
	}
	return l
}

func none(int) string { return "" }

// zigzag is n as Avro writes a long.
func zigzag(n int64) string { return string(binary.AppendVarint(nil, n)) }

// avroHead is what c writes before a value of v's type: a mark and the
// fingerprint of the schema.
func avroHead(c codecs.Codec, v any) string {
	const length = 10
	body, err := c.Append(nil, v)
	if err != nil || len(body) < length {
		return ""
	}
	return string(body[:length])
}

func avroBombs(c codecs.Codec) []Bomb {
	var l bombList
	sizes := []int64{-1, 1 << 7, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1e9, 1<<62 - 1, 1<<63 - 1, -1 << 63, -1 << 31}
	for _, size := range sizes {
		for _, into := range []any{a[string]{}, a[[]byte]{}, a[[]int64]{}, a[[]string]{}, a[map[string]string]{}, a[[]heavy]{}, a[[]empty]{}, a[*int64]{}, a[[][]int32]{}} {
			l.one(fmt.Sprintf("size %d", size), into, avroHead(c, into)+zigzag(size)+"\x02")
			l.one(fmt.Sprintf("size %d and another", size), into, avroHead(c, into)+zigzag(size)+zigzag(size)+strings.Repeat("\x02", 40))
		}
	}
	for _, size := range []int{small, middle, large} {
		n := int64(size)
		for item, into := range map[string]any{"\x00": a[[]string]{}, "\x02a": a[[]string]{}, "\x01": a[[]int64]{}} {
			n := size / len(item)
			l.fill(fmt.Sprintf("items %q", item), into, items{func(int) string { return avroHead(c, into) + zigzag(int64(n)) }, item, "\x00"}, size)
		}
		l.fill("blocks of one", a[[]int64]{}, items{func(int) string { return avroHead(c, a[[]int64]{}) }, "\x02\x02", "\x00"}, size)
		l.fill("blocks of one with their size", a[[]int64]{}, items{func(int) string { return avroHead(c, a[[]int64]{}) }, "\x01\x02\x02", "\x00"}, size)
		l.fill("lists", a[[][]int32]{}, items{func(int) string { return avroHead(c, a[[][]int32]{}) + zigzag(n) }, "\x00", "\x00"}, size)
		l.fill("entries of one key", a[map[string]int32]{}, items{func(int) string { return avroHead(c, a[map[string]int32]{}) + zigzag(n/2) }, "\x00\x00", "\x00"}, size)
		l.fill("items of nothing", a[[]empty]{}, items{func(int) string { return avroHead(c, a[[]empty]{}) + zigzag(n) }, "\x00", "\x00"}, size)
		l.add("a varint without end", a[int64]{}, run{avroHead(c, a[int64]{}), "\xff", ""}, size)
		l.add("levels", nest{}, run{avroHead(c, nest{}), "\x02", ""}, size)
	}
	for _, junk := range []string{"\x00", "\xc3\x01", "\xff", "\x04", "Obj\x01", "{\"a\":1}", "<a>"} {
		l.add(fmt.Sprintf("junk %q", junk), point{}, run{"", junk, ""}, middle)
		l.add(fmt.Sprintf("junk behind the head %q", junk), point{}, run{avroHead(c, point{}), junk, ""}, middle)
	}
	return l
}
