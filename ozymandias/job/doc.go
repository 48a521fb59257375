// Package job says what a job is: what a person writes in a job file and what the scheduler, the nodes and the REST API read.
//
// # The idea
//
// A [Job] is a number of instances, each a pod: containers that share an address and live on one node together.
//
//	name: simple-webapp
//	numInstances: 3
//	ingress: {host: simple-webapp.example, container: app, port: 3000}
//	containers:
//	  app: {image: web-app-image, memory: 2G, depends_on: [db]}
//	  db:  {image: "postgres:13", memory: 4G}
//
// A job's JSON is the same as its file: the words inside a container are those of docker-compose. Several fields can be
// written in more than one way (a command as text or as a list, an environment as a map or as a list); each is read in all of
// them, here and nowhere else, and is written in one.
//
// A Job goes through three steps before anybody acts on it:
//
//   - it is read, from YAML by package jobfile or from JSON;
//   - [Job.Default] fills in what was left out, so that nobody further down has a default of their own;
//   - [Job.Validate] says everything that is wrong with it, each [Fault] with the path of the field.
//
// After them every field means what its comment says, and the methods [Job.Needs], [Job.Order] and [Job.Revision] mean what they say.
package job
