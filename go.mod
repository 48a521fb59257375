module teamtask.dev

go 1.26.0

require (
	k8s.io/apimachinery v0.37.2 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)
