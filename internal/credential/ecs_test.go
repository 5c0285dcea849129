package credential

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/credentials-go/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/id2meta/id2meta/internal/testenv"
)

// namespaceVariable tells a test process that it runs inside a network
// namespace made for it.
const namespaceVariable = "ID2META_TEST_NAMESPACE"

const (
	ecsRole       = "sample-ecs-role"
	metadataHost  = "100.100.100.200"
	metadataToken = "sample-metadata-token"
	rolesPath     = "/latest/meta-data/ram/security-credentials/"
)

// TestCredentialOfECS runs itself again in a network namespace that has nothing but
// a loopback with the metadata service's address, because the provider asks that
// address and no other.
func TestCredentialOfECS(t *testing.T) {
	if os.Getenv(namespaceVariable) != "" {
		testCredentialOfECS(t)
		return
	}
	namespace := "id2meta-" + strings.ToLower(rand.Text()[:12])
	ip := func(args ...string) error {
		out, err := exec.Command("ip", args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
		return nil
	}
	if err := ip("netns", "add", namespace); err != nil {
		t.Skip("the test needs a network namespace: ", err)
	}
	t.Cleanup(func() { assert.NoError(t, ip("netns", "delete", namespace)) })
	if err := errors.Join(ip("-n", namespace, "addr", "add", metadataHost+"/32", "dev", "lo"), ip("-n", namespace, "link", "set", "lo", "up")); err != nil {
		t.Skip("the network namespace cannot be set up: ", err)
	}
	self, err := os.Executable()
	require.NoError(t, err)
	inside := exec.CommandContext(t.Context(), "ip", "netns", "exec", namespace,
		self, "-test.run=^TestCredentialOfECS$", "-test.v", "-test.timeout=1m")
	inside.Env = append(os.Environ(), namespaceVariable+"="+namespace)
	out, err := inside.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS: TestCredentialOfECS/the_default_chain")
}

// fakeMetadata is the metadata service of an ECS instance, with IMDSv2.
type fakeMetadata struct {
	*http.Server

	mu    sync.Mutex
	asked map[string]int // how often, by method and path
	keyID string
	down  bool
}

func newMetadata(t *testing.T) *fakeMetadata {
	listener, err := net.Listen("tcp", net.JoinHostPort(metadataHost, "80"))
	require.NoError(t, err)
	m := &fakeMetadata{asked: map[string]int{}, keyID: testenv.RoleKeyID}
	m.Server = &http.Server{Handler: http.HandlerFunc(m.serve)}
	go m.Serve(listener)
	t.Cleanup(func() { m.Close() })
	return m
}

func (m *fakeMetadata) serve(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[r.Method+" "+r.URL.Path]++
	switch {
	case m.down:
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, testenv.RoleSecret+" "+testenv.RoleToken)
	case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
		io.WriteString(w, metadataToken)
	case r.Header.Get("X-Aliyun-Ecs-Metadata-Token") != metadataToken:
		w.WriteHeader(http.StatusForbidden)
	case r.URL.Path == rolesPath:
		io.WriteString(w, ecsRole+"\n")
	case r.URL.Path == rolesPath+ecsRole:
		io.WriteString(w, testenv.SessionJSON(m.keyID, 100*time.Second)) // to be renewed each time
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (m *fakeMetadata) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// testCredentialOfECS is the test inside the namespace.
func testCredentialOfECS(t *testing.T) {
	// Nothing outside may be asked, whatever the variable says.
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, address := range addresses {
		if ip, _, _ := net.ParseCIDR(address.String()); !ip.IsLoopback() && ip.String() != metadataHost {
			t.Fatalf("this is not the namespace it should be: it has the address %v", address)
		}
	}
	t.Setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "")

	for _, test := range []struct {
		name  string
		given func(*testing.T) credentials.Credential
		list  int // how often the name of the role is asked for
	}{
		{"ecs_ram_role with its name", func(t *testing.T) credentials.Credential {
			return newProvider(t, new(credentials.Config).SetType("ecs_ram_role").SetRoleName(ecsRole))
		}, 0},
		{"ecs_ram_role without a name", func(t *testing.T) credentials.Credential {
			return newProvider(t, new(credentials.Config).SetType("ecs_ram_role"))
		}, 1},
		{"the default chain", func(*testing.T) credentials.Credential { return nil }, 1},
		{"the default chain with the name in the environment", func(t *testing.T) credentials.Credential {
			t.Setenv("ALIBABA_CLOUD_ECS_METADATA", ecsRole)
			return nil
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			testenv.EmptyHome(t)
			metadata := newMetadata(t)
			var clock clock
			r := &Resolver{Provider: test.given(t), now: clock.now}
			resolveTogether(t, r, 16, testenv.RoleKeyID)
			metadata.change(func() {
				assert.Equal(t, test.list, metadata.asked["GET "+rolesPath], "how often the role's name was asked for")
				assert.Equal(t, 1, metadata.asked["GET "+rolesPath+ecsRole], "how often its key was asked for")
			})

			// In trouble the key is used for a while, and no longer.
			metadata.change(func() { metadata.down = true })
			clock.pass(2 * time.Second)
			requireKey(t, r, testenv.RoleKeyID, time.Minute)
			clock.pass(2 * time.Minute)
			_, err := r.Resolve(t.Context())
			require.Error(t, err, "the key is too old")
			for _, secret := range []string{testenv.RoleKeyID, testenv.RoleSecret, testenv.RoleToken, metadataToken} {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
			}

			metadata.change(func() { metadata.down, metadata.keyID = false, "renewed" })
			requireKey(t, r, "renewed", time.Minute)
		})
	}
}
