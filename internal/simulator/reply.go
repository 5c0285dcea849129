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
	"time"

	"github.com/id2meta/id2meta"
)

// reply is an answer before it is sent.
type reply struct {
	status  int
	header  http.Header // in addition to the headers of every answer
	body    []byte
	code    string // the Call.Outcome, unless there is a verdict
	bizCode id2meta.BizCode
}

// apiReply is an answer of the API itself. Its HTTP status is always 200. An empty
// bizCode means that there is no verdict.
func apiReply(requestID, code, message string, bizCode id2meta.BizCode) reply {
	type resultObject struct{ BizCode id2meta.BizCode }
	answer := struct {
		RequestId, Message, Code string
		ResultObject             *resultObject `json:",omitempty"`
	}{RequestId: requestID, Message: message, Code: code}
	if bizCode != "" {
		answer.ResultObject = &resultObject{bizCode}
	}
	return reply{status: http.StatusOK, body: encode(answer), code: code, bizCode: bizCode}
}

// reply returns the gateway's answer, with the fields that the answers of all products
// of the vendor have.
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

// encode writes JSON. Like the vendor, it does not escape an ampersand, so that people
// can read a string to sign. It cannot fail, because v is always a struct of strings.
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
	w         http.ResponseWriter
	r         *http.Request
	reply     reply
	requestID string
}

func (d delivery) send() { d.write(d.reply.body) }

// write sends the head and the given part of the body. The Content-Length is the length
// of the whole body, so that a client can notice a missing part.
func (d delivery) write(body []byte) {
	header := d.w.Header()
	header.Set("Content-Type", "application/json;charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(d.reply.body)))
	// The gateway writes the name of its header in lower case, and the vendor's PHP SDK
	// looks for it in lower case. Header.Set would change that.
	header["x-acs-request-id"] = []string{d.requestID}
	maps.Copy(header, d.reply.header)
	d.w.WriteHeader(d.reply.status)
	d.w.Write(body) // an error means that the client has closed the connection
}

// wait waits for the latency. If the context of the request ends meanwhile, wait aborts.
func (d delivery) wait(latency time.Duration) {
	select {
	case <-time.After(latency):
	case <-d.r.Context().Done():
		d.abort()
	}
}

// abort closes the connection. A handler of net/http does that by a panic with this
// value.
func (d delivery) abort() { panic(http.ErrAbortHandler) }
