// Package gin verifies people in a gin service.
package gin

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/time/rate"

	"github.com/id2meta/id2meta"
)

// NewClient makes the one Client of the process.
func NewClient(opts ...id2meta.Option) (*id2meta.Client, error) {
	return id2meta.New(append([]id2meta.Option{
		id2meta.WithTimeout(2 * time.Second),        // less than the callers of this service wait
		id2meta.WithLimiter(rate.NewLimiter(45, 1)), // for one process: all processes of the account share 50
	}, opts...)...)
}

// NewRouter serves POST /verify. It writes gin's log to logs.
func NewRouter(verifier id2meta.Verifier, logs io.Writer) *gin.Engine {
	router := gin.New()
	router.Use(gin.LoggerWithWriter(logs), gin.RecoveryWithWriter(logs))
	router.POST("/verify", VerifyHandler(verifier))
	return router
}

// recipe:begin
func VerifyHandler(verifier id2meta.Verifier) gin.HandlerFunc {
	return func(c *gin.Context) {
		var person struct{ Name, Number string }
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 4096)
		if c.ShouldBindJSON(&person) != nil { // the error may hold a part of the body
			c.JSON(http.StatusBadRequest, gin.H{"error": "请求格式不对。"})
			return
		}
		// Pass the context of the request, not c: c is never cancelled.
		result, err := verifier.Verify(c.Request.Context(), id2meta.Param{UserName: person.Name, IdentifyNum: person.Number})
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
	if invalid, ok := errors.AsType[*id2meta.ParamError](err); ok {
		return http.StatusBadRequest, invalid.Chinese() // such as: the check digit is wrong
	}
	remedy := id2meta.RemedyOf(err)
	switch remedy {
	case id2meta.RemedyCorrectInput:
		return http.StatusBadRequest, remedy.Chinese()
	case id2meta.RemedyNotThisPerson:
		return http.StatusTooManyRequests, remedy.Chinese()
	}
	return http.StatusServiceUnavailable, remedy.Chinese()
}
