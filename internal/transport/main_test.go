package transport_test

import (
	"os"
	"testing"

	"github.com/id2meta/id2meta/internal/testenv"
)

func TestMain(m *testing.M) { os.Exit(testenv.Run(m)) }
