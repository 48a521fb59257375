// Probe does in a pod what tests of a cluster ask for:
//
//	probe list      lists the pods of its namespace as its service account, at the address that pods are told; then waits
//	probe serve     answers HTTP on port 8080 with the name of its machine
//	probe get URL   prints what is there
//	probe say WORD  prints the word
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

func main() {
	var err error
	switch os.Args[1] {
	case "list":
		if err = list(); err == nil {
			stop := make(chan os.Signal, 1)
			signal.Notify(stop, syscall.SIGTERM)
			<-stop
		}
	case "serve":
		err = http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			name, _ := os.Hostname()
			fmt.Fprintln(w, name)
		}))
	case "get":
		err = get(os.Args[2])
	case "say":
		fmt.Println(os.Args[2])
	default:
		err = fmt.Errorf("unknown word %q", os.Args[1])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func get(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}

func list() error {
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return err
	}
	namespace, err := os.ReadFile(account + "namespace")
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	host := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	req, err := http.NewRequest(http.MethodGet, "https://"+host+"/api/v1/namespaces/"+string(namespace)+"/pods", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+string(token))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var pods struct {
		Message string
		Items   []struct{ Metadata struct{ Name string } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&pods); err != nil {
		return err
	}
	fmt.Println("asked", host, "and got", resp.Status, pods.Message)
	for _, p := range pods.Items {
		fmt.Println("pod", p.Metadata.Name)
	}
	return nil
}
