package gin

import (
	"io"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/id2meta/id2meta"
	"github.com/id2meta/id2meta/examples/frameworks/internal/recipetest"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode) // as in production
	os.Exit(m.Run())
}

func TestRecipe(t *testing.T) {
	withVerifier := func(t *testing.T, log io.Writer, verifier id2meta.Verifier) recipetest.Service {
		server := httptest.NewServer(NewRouter(verifier, log))
		t.Cleanup(server.Close)
		return recipetest.Service{URL: server.URL + "/verify", Stop: server.Close}
	}
	withClient := func(t *testing.T, log io.Writer, opts ...id2meta.Option) recipetest.Service {
		client, err := NewClient(append(opts, id2meta.WithTimeout(500*time.Millisecond))...)
		if err != nil {
			t.Fatal(err)
		}
		return withVerifier(t, log, client)
	}
	recipetest.Run(t, withClient, withVerifier)
}
