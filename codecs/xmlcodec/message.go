package xmlcodec

import "google.golang.org/protobuf/proto"

// decodeMessage reads src into m by way of a plain value.
func (c *Codec) decodeMessage(src []byte, m proto.Message) error {
	plain, err := c.messages.Empty(m)
	if err != nil {
		return fail("decode", 0, err)
	}
	if err := c.Decode(src, plain); err != nil {
		return err
	}
	if err := c.messages.Fill(m, plain); err != nil {
		return fail("decode", int64(len(src)), err)
	}
	return nil
}
