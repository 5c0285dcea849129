// Package gin verifies people in a gin service.
package gin

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/id2meta/id2meta"
)

// VerifyRequest comes in the body of a POST. gin logs the address of every request,
// so the person must never stand in a path or a query.
type VerifyRequest struct {
	UserName    string `json:"userName"`
	IdentifyNum string `json:"identifyNum"`
}

func (r VerifyRequest) param() id2meta.Param {
	return id2meta.Param{UserName: r.UserName, IdentifyNum: r.IdentifyNum}
}

// String keeps the person out of a log that is given the request.
func (r VerifyRequest) String() string { return r.param().String() }

// recipe:begin
func VerifyHandler(verifier id2meta.Verifier) gin.HandlerFunc {
	return func(c *gin.Context) {
		var req VerifyRequest
		if c.ShouldBindJSON(&req) != nil { // the error may hold a part of the body
			c.JSON(http.StatusBadRequest, gin.H{"error": "请求格式不对。"})
			return
		}
		// Pass the context of the request, not c: c is never cancelled.
		result, err := verifier.Verify(c.Request.Context(), req.param())
		if err != nil {
			c.Error(err) // for the log; it holds no part of the person
			status, text := refusal(err)
			c.JSON(status, gin.H{"error": text})
			return
		}
		c.JSON(http.StatusOK, gin.H{"verdict": result.BizCode.String()})
	}
}

// recipe:end

// refusal is what the user gets: a status and a sentence in Chinese. The error itself
// is for the operators.
func refusal(err error) (status int, text string) {
	var invalid *id2meta.ParamError
	if errors.As(err, &invalid) {
		return http.StatusBadRequest, invalid.Chinese() // such as: the check digit is wrong
	}
	remedy := id2meta.RemedyOf(err)
	switch remedy {
	case id2meta.RemedyCorrectInput:
		status = http.StatusBadRequest
	case id2meta.RemedyNotThisPerson:
		status = http.StatusTooManyRequests
	default:
		status = http.StatusServiceUnavailable
	}
	return status, remedy.Chinese()
}
