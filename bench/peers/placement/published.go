package main

import "math/rand/v2"

// google2011 are the machines of a cluster of Google's in May 2011, relative to the largest: C. Reiss et al., "Heterogeneity and
// dynamicity of clouds at scale: Google trace analysis", SoCC 2012, table 1; those that make a part in a hundred or more. What tasks
// asked for is published as curves only: it is drawn as for "web", which is of our making.
var google2011 = []kind{{53.5, 0.5, 0.5}, {30.7, 0.25, 0.5}, {8, 0.75, 0.5}, {6.3, 1, 1}, {1, 0.25, 0.25}}

// google2019 are the machines of eight clusters of Google's in May 2019 (M. Tirmazi et al., "Borg: the next generation", EuroSys 2020): the
// seven sizes that there are most of, as counted by C. Maggioni for his bachelor's thesis
// (git.maggioni.xyz/maggicl/bachelorThesis, report/figures/machine_configs.tex). Memory is relative to the most that any of these has.
var google2019 = []kind{{23.3, 0.5 / 0.667, 1}, {19.3, 0.3335 / 0.667, 0.592}, {14.7, 0.1667 / 0.667, 0.259}, {10.5, 0.3335 / 0.667, 0.709},
	{6.8, 0.3335 / 0.667, 0.387}, {5.8, 0.5 / 0.667, 0.959}, {5.6, 1, 0.709}}

// azure is a virtual machine of Azure's in 2017, by what 1.9 million of them were given: E. Cortez et al., "Resource Central", SOSP 2017
// (AzurePublicDatasetV1), as S. Bergsma et al. made it available with "Generating complex, realistic cloud workloads using recurrent
// neural networks", SOSP 2021 (huaweicloud/trace_generation_rnn, resources/traces); those that make a part in a hundred or more. The
// servers, of 32 processors and 96 GB, are of our making.
func azure(r *rand.Rand) [3]float64 {
	const processors, gigabytes = 32, 96
	sizes := []struct{ share, processors, gigabytes float64 }{{47.8, 1, 1.75}, {24.9, 2, 3.5}, {10.9, 4, 7}, {10.6, 8, 14}, {3.8, 8, 56}, {2, 1, 0.75}}
	drawn := 100 * r.Float64()
	for _, s := range sizes {
		if drawn -= s.share; drawn < 0 {
			return [3]float64{s.gigabytes / gigabytes, 0.01, s.processors / processors}
		}
	}
	return [3]float64{1.75 / gigabytes, 0.01, 1.0 / processors}
}
