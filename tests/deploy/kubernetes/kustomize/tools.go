//go:build tools

// Names the program that `go build` makes from what go.mod pins.
package tools

import _ "sigs.k8s.io/kustomize/kustomize/v5"
