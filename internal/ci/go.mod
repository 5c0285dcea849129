// The programs that .ci/run uses to check this repository. They are a module of
// their own, so that the library requires none of what they need.
module github.com/id2meta/id2meta/internal/ci

go 1.26.0

require (
	github.com/yuin/goldmark v1.4.13
	go.yaml.in/yaml/v3 v3.0.6
	golang.org/x/mod v0.43.0
	golang.org/x/net v0.62.0
	golang.org/x/tools v0.52.0
)

require (
	github.com/google/go-cmp v0.7.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
)
