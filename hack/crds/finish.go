package main

import (
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

type schema = apiextensions.JSONSchemaProps

// finish puts right what controller-gen cannot know.
//
// A controller reads all objects at once, as Go types: one object that the API server has taken and Go cannot read would
// stop it for everybody. So the schema must let nothing through that Go does not read (see test/crd's TestAcceptedIsRead).
//
// The descriptions of a pod's fields are left out: they are ten times as long as all others together, more than
// `kubectl apply` can take, and `kubectl explain pod.spec` has them.
func finish(root *schema) {
	spec := root.Properties["spec"]
	if sources, ok := spec.Properties["items"]; ok {
		nest(&sources, levels)
		spec.Properties["items"] = sources
	}
	if workers, ok := spec.Properties["workers"]; ok {
		template := workers.Properties["template"]
		kept := template.Description
		walk(&template, func(s *schema) { s.Description = "" })
		template.Description = kept
		workers.Properties["template"] = template
	}
	walk(root, readable)
	walk(root, labelled)
}

// levels is how deep sources nest within spec.items: no schema of Kubernetes can be recursive, so each level is written out.
const levels = 2

// nest gives a source the schemas of those within it. They are the same as its own, one level less.
func nest(source *schema, levels int) {
	var inner schema
	if levels > 0 {
		inner = *source.DeepCopy()
		walk(&inner, func(s *schema) { s.Description = "" })
		nest(&inner, levels-1)
	} else {
		inner = schema{Type: "object", XPreserveUnknownFields: new(true)}
		source.XValidations = append(source.XValidations, apiextensions.ValidationRule{
			Rule:    "!has(self.product) && !has(self.zip) && !has(self.concat) && !has(self.slice)",
			Message: "sources are nested too deep for Kubernetes; combine them in fewer levels",
		})
	}
	for _, name := range []string{"product", "zip", "concat"} {
		list := source.Properties[name]
		list.Items = &apiextensions.JSONSchemaPropsOrArray{Schema: inner.DeepCopy()}
		list.XPreserveUnknownFields, list.XListType = nil, new("atomic")
		list.MinItems, list.MaxItems = new(int64(1)), new(int64(32))
		source.Properties[name] = list
	}
	slice := source.Properties["slice"]
	of := slice.Properties["of"]
	description := of.Description
	of = *inner.DeepCopy()
	of.Description = description
	slice.Properties["of"] = of
	source.Properties["slice"] = slice
}

// quantity is what resource.ParseQuantity reads: the pattern of controller-gen has fractions in exponents as well, and
// exponents so long that reading them takes hours.
const quantity = `^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?[0-9]{1,2}))?$`

// Times are RFC 3339, as time.Time reads it; a metav1.MicroTime has exactly six digits of a second's fraction. The format
// date-time is no use: it takes small letters, and lists.
const (
	leap   = `([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)`
	date   = `([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|` + leap + `-02-29)`
	second = `^` + date + `T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]`
	zone   = `(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`
)

// readable keeps out values that Go does not read.
func readable(s *schema) {
	switch {
	case s.Format == "date-time":
		s.Format, s.Pattern = "", second+`([.][0-9]+)?`+zone
	case len(s.AllOf) > 0 && s.AllOf[len(s.AllOf)-1].Format == "micro-time":
		s.AllOf, s.Pattern = nil, second+`[.][0-9]{6}`+zone
	case s.Format == "duration": // as a format that has days and weeks; the rule beside it has what Go has
		s.Format, s.MaxLength = "", new(int64(64))
	case !s.XIntOrString:
	case s.Pattern == "": // intstr.IntOrString has 32 bits
		s.Minimum, s.Maximum = new(float64(-1<<31)), new(float64(1<<31-1))
	case len(s.XValidations) > 0:
		s.Pattern = "" // the rule says it in words
	default:
		s.Pattern = quantity
	}
}

// labelled bounds the values of the labels that a workload requires: they are those of a map, for which controller-gen has no marker.
func labelled(s *schema) {
	if requires, ok := s.Properties["requires"]; ok {
		value := requires.AdditionalProperties.Schema
		value.MaxLength, value.Pattern = new(int64(63)), `^([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?$`
	}
}

// walk visits a schema and those within it.
func walk(s *schema, visit func(*schema)) {
	visit(s)
	for name, p := range s.Properties {
		walk(&p, visit)
		s.Properties[name] = p
	}
	if s.Items != nil && s.Items.Schema != nil {
		walk(s.Items.Schema, visit)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		walk(s.AdditionalProperties.Schema, visit)
	}
}
