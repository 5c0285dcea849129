package simulator

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxBody is the maximum length of a request's body. The three parameters need far less.
const maxBody = 1 << 20

// request is an HTTP request whose body has been read.
type request struct {
	*http.Request
	query url.Values
	form  url.Values // the form in the body, if there is one
	body  []byte
}

// readRequest reads a request to its end.
func readRequest(w http.ResponseWriter, r *http.Request) (request, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return request{}, err
	}
	req := request{Request: r, query: r.URL.Query(), body: body}
	// ParseQuery drops a parameter that it cannot parse. Then the request fails
	// because of its signature, or because the parameter is missing.
	if isForm(r.Header.Get("Content-Type")) {
		req.form, _ = url.ParseQuery(string(body))
	}
	return req, nil
}

// isForm accepts a charset after the type, because some HTTP libraries add a charset. It
// also accepts a request without a type.
func isForm(contentType string) bool {
	return contentType == "" || strings.HasPrefix(contentType, "application/x-www-form-urlencoded")
}

// param returns a parameter of the body or of the query.
func (r request) param(name string) string {
	if v := r.form.Get(name); v != "" {
		return v
	}
	return r.query.Get(name)
}

// common returns a value that newer SDKs send as a header and older SDKs send as a
// parameter.
func (r request) common(header, param string) string {
	if v := r.Header.Get(header); v != "" {
		return v
	}
	return r.param(param)
}

func (r request) action() string  { return r.common("X-Acs-Action", "Action") }
func (r request) version() string { return r.common("X-Acs-Version", "Version") }

// where returns the place of the three parameters of the API: "query", "body" or
// "none". If both places hold one of them, where returns "query", because parameters in
// a query leak into logs.
func (r request) where() string {
	has := func(values url.Values) bool {
		return values.Has("ParamType") || values.Has("UserName") || values.Has("IdentifyNum")
	}
	switch {
	case has(r.query):
		return "query"
	case has(r.form):
		return "body"
	}
	return "none"
}
