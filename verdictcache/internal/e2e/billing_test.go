package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

// Four processes ask about the same persons at the same time, three times. Each
// person is paid for once, and everybody gets the right verdict.
func TestNobodyIsBilledTwice(t *testing.T) {
	for name, d := range databases {
		t.Run(name, func(t *testing.T) {
			const persons, processes = 200, 4
			dsn, _ := d.ready(t)
			service := newService(t, persons)
			text, err := json.Marshal(orders{Store: name, DSN: dsn, Endpoint: service.Endpoint(),
				CertificatePEM: service.CertificatePEM(), Persons: persons, Rounds: 3})
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			var log testenv.Buffer // of all workers
			var workers []*exec.Cmd
			var begin []io.Closer
			for range processes {
				worker := exec.CommandContext(ctx, os.Args[0])
				worker.Env = append(os.Environ(), workerVariable+"="+string(text))
				worker.Stderr = &log
				stdin, err := worker.StdinPipe()
				require.NoError(t, err)
				stdout, err := worker.StdoutPipe()
				require.NoError(t, err)
				require.NoError(t, worker.Start())
				ready, err := bufio.NewReader(stdout).ReadString('\n')
				require.NoError(t, err, "%s: %s", ready, log.String())
				workers, begin = append(workers, worker), append(begin, stdin)
			}
			for _, stdin := range begin {
				stdin.Close()
			}
			for _, worker := range workers {
				require.NoError(t, worker.Wait(), log.String())
			}
			for i := range persons {
				p := newPerson(i).param
				require.Equal(t, 1, service.Billed(p.UserName, p.IdentifyNum), "person %d: %s", i, log.String())
			}
		})
	}
}
