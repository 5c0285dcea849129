package simulator

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
)

// reply is an answer before it is sent.
type reply struct {
	status  int
	header  http.Header // beside those that every answer has
	body    []byte
	code    string // as Call.Outcome tells it, unless there is a verdict
	bizCode string
}

// apiReply is an answer of the API itself. It always comes with HTTP 200; with
// a verdict only if bizCode is one.
func apiReply(requestID, code, message string, bizCode string) reply {
	type resultObject struct{ BizCode string }
	answer := struct {
		RequestId, Message, Code string
		ResultObject             *resultObject `json:",omitempty"`
	}{RequestId: requestID, Message: message, Code: code}
	if bizCode != "" {
		answer.ResultObject = &resultObject{bizCode}
	}
	return reply{status: http.StatusOK, body: encode(answer), code: code, bizCode: bizCode}
}

// reply is the gateway's answer, with the fields that every product of the
// vendor has.
func (f *failure) reply(requestID, host string) reply {
	answer := struct{ RequestId, HostId, Code, Message, Recommend string }{
		RequestId: requestID,
		HostId:    host,
		Code:      f.code,
		Message:   f.message,
		Recommend: "https://api.aliyun.com/troubleshoot?q=" + url.QueryEscape(f.code) +
			"&product=Cloudauth&requestId=" + requestID,
	}
	return reply{status: f.status, body: encode(answer), code: f.code}
}

// encode writes an ampersand as it is, like the vendor: people read a string to
// sign without a decoder too. It cannot fail: all it is given are structs of
// strings.
func encode(v any) []byte {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	encoder.Encode(v)
	return bytes.TrimSuffix(body.Bytes(), []byte("\n"))
}

// newRequestID returns a random UUID in the vendor's spelling.
func newRequestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// delivery is an answer on its way to the client.
type delivery struct {
	w      http.ResponseWriter
	r      *http.Request
	reply  reply
	closed <-chan struct{} // when the Simulator is
}

func (d delivery) send() { d.write(d.reply.body) }

// write sends the head and as much of the body as is given. The length in the
// head is that of the whole body, so that a client can notice what is missing.
func (d delivery) write(body []byte) {
	header := d.w.Header()
	header.Set("Content-Type", "application/json;charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(d.reply.body)))
	maps.Copy(header, d.reply.header)
	d.w.WriteHeader(d.reply.status)
	d.w.Write(body) // a client that has left is no concern of ours
}

// abort closes the connection. Panicking with this value is how a handler of
// net/http does that.
func (d delivery) abort() { panic(http.ErrAbortHandler) }
