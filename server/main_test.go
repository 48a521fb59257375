package server_test

import (
	"net/http"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Every goroutine of the server ends with it.
func TestMain(m *testing.M) {
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}
