// Package api is what a client of the Kratos service sends and receives.
package api

import (
	"fmt"

	"github.com/id2meta/id2meta"
)

// Param returns the person as the library takes them.
func (x *VerifyRequest) Param() id2meta.Param {
	return id2meta.Param{UserName: x.GetUserName(), IdentifyNum: x.GetIdentifyNum()}
}

// Redact is what Kratos' logging middleware writes in the place of the request.
// Without it that is String, which protoc-gen-go makes and which holds the person.
func (x *VerifyRequest) Redact() string { return x.Param().String() }

// Format implements [fmt.Formatter] without the person. Kratos' recovery middleware
// does not ask Redact: after a panic it prints the request by %+v.
func (x *VerifyRequest) Format(f fmt.State, verb rune) { x.Param().Format(f, verb) }
