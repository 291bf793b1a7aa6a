package unary

import (
	"bytes"
	"compress/gzip"
	"io"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// unpacked is the data of a message that is complete, which grpc-encoding says how it is compressed.
func (m *message) unpacked(encoding string) ([]byte, *status.Status) {
	if m.prefix[0] == 0 {
		return m.data, nil
	}
	switch encoding {
	case "gzip":
	case "", "identity":
		return nil, status.New(codes.Internal, "the message of the reply is marked as compressed, and nothing says how")
	default:
		return nil, status.New(codes.Unimplemented, "the message of the reply is compressed otherwise than by gzip")
	}
	var out bytes.Buffer
	z, err := gzip.NewReader(bytes.NewReader(m.data))
	if err == nil {
		_, err = io.Copy(&out, io.LimitReader(z, int64(m.limit)+1))
	}
	switch {
	case err != nil:
		return nil, status.New(codes.Internal, "the message of the reply cannot be unpacked")
	case out.Len() > m.limit:
		return nil, tooLarge(m.limit)
	}
	return out.Bytes(), nil
}
