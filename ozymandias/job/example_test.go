package job_test

import (
	"encoding/json"
	"fmt"

	"teamtask.dev/ozymandias/job"
)

func Example() {
	var j job.Job
	err := json.Unmarshal([]byte(`{
		"name": "simple-webapp",
		"numInstances": 3,
		"ingress": {"host": "simple-webapp.example", "container": "app", "port": 3000},
		"containers": {
			"app": {"image": "web-app-image", "command": "bin/rails s", "depends_on": ["db"], "memory": "2G"},
			"db": {"image": "postgres:13", "memory": "4G", "volumes": [{"path": "/var/lib/postgresql/data", "space": "10G"}]}
		}
	}`), &j)
	if err != nil {
		fmt.Println(err)
		return
	}
	j = j.Default()
	fmt.Println("faults:", j.Validate())
	fmt.Printf("needs: %+v\n", j.Needs())
	order, err := j.Order()
	fmt.Println("starts:", order, err)
	fmt.Println("updates:", j.Update.Order)
	// Output:
	// faults: []
	// needs: {Memory:6G CPUs:0 Local:10G Shared:0}
	// starts: [db app] <nil>
	// updates: stop-first
}

func ExampleJob_Validate() {
	j := job.Job{Name: "Web App", Containers: map[string]job.Container{
		"app": {Image: "web-app-image", Healthcheck: &job.Healthcheck{Type: job.HTTP}},
	}}
	for _, fault := range j.Default().Validate() {
		fmt.Println(fault)
	}
	// Output:
	// name: "Web App" is no name: lower-case letters, digits and '-', with a letter or digit at both ends
	// containers.app.healthcheck.port: is missing: write the port the container listens on
}
