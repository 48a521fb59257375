package jobfile_test

import (
	"fmt"
	"strings"

	"teamtask.dev/ozymandias/jobfile"
)

func ExampleParse() {
	jobs, _, err := jobfile.Parse("webapp.yaml", strings.NewReader(`
name: webapp
numInstances: 3
ingress: {host: webapp.example, port: 3000}
containers:
  app: {image: web-app-image, command: bin/rails s, memory: 2G}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	app := jobs[0].Containers["app"]
	fmt.Printf("%d instances of %s run %q with %s\n", jobs[0].Instances(), jobs[0].Name, app.Command, app.Memory)
	// Output: 3 instances of webapp run ["bin/rails" "s"] with 2G
}

func ExampleParse_faults() {
	_, _, err := jobfile.Parse("webapp.yaml", strings.NewReader(`
name: webapp
containers:
  app:
    image: web-app-image
    dependsOn: [db]
    memory: 2GB
    healthcheck: {type: http, port: 80800}
`))
	fmt.Println(err)
	// Output:
	// webapp.yaml:6:5: containers.app.dependsOn: there is no such field: did you mean depends_on?
	// webapp.yaml:7:13: containers.app.memory: "2GB" is not a size: write bytes, or a number with k, M, G, T (powers of 1000) or Ki, Mi, Gi, Ti (of 1024), as in 500M or 2Gi
	// webapp.yaml:8:37: containers.app.healthcheck.port: is 80800; must be 1 to 65535
}

func ExampleParse_compose() {
	jobs, warnings, err := jobfile.Parse("compose.yaml", strings.NewReader(`
services:
  web:
    image: shop
    restart: always
    mem_limit: 1g
    depends_on: [db]
  db:
    image: postgres:13
    restart: always
    mem_limit: 2g
    volumes: ["data:/var/lib/postgresql/data"]
volumes:
  data: {x-ozymandias: {space: 20G}}
`))
	for _, w := range warnings {
		fmt.Println(w)
	}
	for _, j := range jobs {
		fmt.Println(j.Name, j.Needs(), err)
	}
	// Output:
	// compose.yaml:7:5: services.web.depends_on: ignored: jobs start in any order, and one that ends without db is restarted
	// web {1Gi 0 0 0} <nil>
	// db {2Gi 0 20G 0} <nil>
}
