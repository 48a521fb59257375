package crd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
	"sigs.k8s.io/yaml"
)

// definitions is where the CustomResourceDefinitions are.
const definitions = "../../config/crd"

// readSchema reads the schema of a kind.
func readSchema(t *testing.T, plural string) *apiextensions.JSONSchemaProps {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(definitions, "teamtask.dev_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensions.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(raw, &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// accepts tells whether a value has the form that a schema asks for, by what the API server itself goes by. The schema's
// rules, in CEL, are not evaluated.
func accepts(t *testing.T, s *apiextensions.JSONSchemaProps) func(value any) bool {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var form spec.Schema
	if err := json.Unmarshal(raw, &form); err != nil {
		t.Fatal(err)
	}
	if s.XIntOrString { // so apiextensions-apiserver's ConvertJSONSchemaPropsWithPostProcess has it
		form.Type = spec.StringOrArray{"integer", "string"}
	}
	v := validate.NewSchemaValidator(&form, nil, "", strfmt.Default)
	return func(value any) bool {
		return (value != nil || s.Nullable) && v.Validate(value).IsValid()
	}
}

// member is the type of a struct's member by its name in JSON.
func member(t reflect.Type, name string) (reflect.Type, bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == name {
			return f.Type, true
		}
		if f.Anonymous && tag == "" {
			if inner, ok := member(f.Type, name); ok {
				return inner, true
			}
		}
	}
	return nil, false
}
