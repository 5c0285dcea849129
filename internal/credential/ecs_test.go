package credential

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
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
	self, err := os.Executable()
	require.NoError(t, err)
	const setUp = "ip link set lo up && ip addr add " + metadataHost + "/32 dev lo"
	if out, err := inNamespace(t, setUp).CombinedOutput(); err != nil {
		t.Skip("the test needs a network namespace: ", err, string(out))
	}
	inside := inNamespace(t, setUp+` && exec "$0" -test.run='^TestCredentialOfECS$' -test.v -test.timeout=1m`, self)
	inside.Env = append(os.Environ(), namespaceVariable+"=yes")
	out, err := inside.CombinedOutput()
	require.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS: TestCredentialOfECS/the_default_chain")
}

// inNamespace returns a command that runs a script in a new network namespace.
func inNamespace(t *testing.T, script ...string) *exec.Cmd {
	return exec.CommandContext(t.Context(), "unshare", append([]string{"--net", "sh", "-c"}, script...)...)
}

// metadataCalls counts the requests to a metadata service, by method and path.
type metadataCalls struct {
	mu    sync.Mutex
	count map[string]int
}

func (c *metadataCalls) of(call string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count[call]
}

// newMetadata starts the metadata service of an ECS instance, with IMDSv2.
func newMetadata(t *testing.T) *metadataCalls {
	listener, err := net.Listen("tcp", net.JoinHostPort(metadataHost, "80"))
	require.NoError(t, err)
	calls := &metadataCalls{count: map[string]int{}}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.mu.Lock()
		calls.count[r.Method+" "+r.URL.Path]++
		calls.mu.Unlock()
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			io.WriteString(w, metadataToken)
		case r.Header.Get("X-Aliyun-Ecs-Metadata-Token") != metadataToken:
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == rolesPath:
			io.WriteString(w, ecsRole+"\n")
		case r.URL.Path == rolesPath+ecsRole:
			io.WriteString(w, testenv.SessionJSON(testenv.RoleKeyID, time.Hour))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return calls
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
			calls := newMetadata(t)
			resolveTogether(t, &Resolver{Provider: test.given(t)}, 16, testenv.RoleKeyID)
			assert.Equal(t, test.list, calls.of("GET "+rolesPath), "how often the role's name was asked for")
			assert.Equal(t, 1, calls.of("GET "+rolesPath+ecsRole), "how often its key was asked for")
		})
	}
}
