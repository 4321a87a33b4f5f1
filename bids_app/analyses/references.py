"""Works cited in the methods text."""

SUN_2024 = "Sun et al. (2024), Brain-like functional organization within large language models, arXiv 2410.19542"
CAUCHETEUX_2023 = (
    "Caucheteux, Gramfort and King (2023), Evidence of a predictive coding hierarchy in the human brain listening to "
    "speech, Nature Human Behaviour 7, 430-441"
)
CAUCHETEUX_2021 = (
    "Caucheteux, Gramfort and King (2021), Disentangling syntax and semantics in the brain with deep networks, "
    "Proceedings of the 38th International Conference on Machine Learning, 1336-1348"
)
SPACY = (
    "Honnibal, Montani, Van Landeghem and Boyd (2020), spaCy: industrial-strength natural language processing in Python"
)
KONG_2025 = (
    "Kong et al. (2025), a network correspondence toolbox for quantitative evaluation of novel neuroimaging results"
)
ALEXANDER_BLOCH_2018 = (
    "Alexander-Bloch et al. (2018), On testing for spatial correspondence between maps of human brain structure and "
    "function, NeuroImage 178, 540-551"
)
BAZINET_2025 = (
    "Bazinet, Liu and Misic (2025), The effect of spherical projection on spin tests for brain maps, Imaging "
    "Neuroscience 3, IMAG.a.118"
)
KOUSSIS_2025 = (
    "Koussis, Pang, Phogat et al. (2025), Generation of surrogate brain maps preserving spatial autocorrelation "
    "through random rotation of geometric eigenmodes, Imaging Neuroscience 3, IMAG.a.71"
)
WAGNER_DRAY_2015 = (
    "Wagner and Dray (2015), Generating spatially constrained null models for irregularly spaced data using Moran "
    "spectral randomization methods, Methods in Ecology and Evolution 6(10), 1169-1178"
)
HIMALAYA = "Dupré la Tour et al. (2022), Feature-space selection with banded ridge regression, NeuroImage 264, 119728"
NILEARN = "Nilearn contributors, nilearn (doi 10.5281/zenodo.8397156)"
ANTONELLO_HUTH_2024 = (
    "Antonello and Huth (2024), Predictive coding or just feature discovery? An alternative account of why language "
    "models fit brain data, Neurobiology of Language 5(1), 64-79"
)
PYBIDS = "Yarkoni et al. (2019), PyBIDS: Python tools for BIDS datasets, Journal of Open Source Software 4(40), 1294"
KNIJNENBURG_2009 = (
    "Knijnenburg et al. (2009), Fewer permutations, more accurate P-values, Bioinformatics 25(12), i161-i168"
)
WINKLER_2016 = "Winkler et al. (2016), Faster permutation inference in brain imaging, NeuroImage 141, 502-516"
BENJAMINI_BOGOMOLOV_2014 = (
    "Benjamini and Bogomolov (2014), Selective inference on multiple families of hypotheses, Journal of the Royal "
    "Statistical Society B 76(1), 297-318"
)
TRANSFORMERS = "Wolf et al. (2020), Transformers: state-of-the-art natural language processing, EMNLP 2020"
WANG_2020 = (
    "Wang et al. (2020), A simple new approach to variable selection in regression, with application to genetic fine "
    "mapping, Journal of the Royal Statistical Society B 82(5), 1273-1300"
)
NEWTON_2004 = (
    "Newton, Noueiry, Sarkar and Ahlquist (2004), Detecting differential gene expression with a semiparametric "
    "hierarchical mixture method, Biostatistics 5(2), 155-176"
)
HARVILLE_1977 = (
    "Harville (1977), Maximum likelihood approaches to variance component estimation and to related problems, Journal "
    "of the American Statistical Association 72(358), 320-338"
)
WESTFALL_YOUNG_1993 = (
    "Westfall and Young (1993), Resampling-based multiple testing: examples and methods for p-value adjustment, Wiley"
)
BENJAMINI_HOCHBERG_1995 = (
    "Benjamini and Hochberg (1995), Controlling the false discovery rate: a practical and powerful approach to "
    "multiple testing, Journal of the Royal Statistical Society B 57(1), 289-300"
)
SAHANI_LINDEN_2003 = (
    "Sahani and Linden (2003), How linear are auditory cortical responses?, Advances in Neural Information Processing "
    "Systems 15, 125-132"
)
NUNEZ_ELIZALDE_2019 = (
    "Nunez-Elizalde, Huth and Gallant (2019), Voxelwise encoding models with non-spherical multivariate normal priors, "
    "NeuroImage 197, 482-492"
)
ALKHAMISSI_2025 = (
    "AlKhamissi, Tuckute, Bosselut and Schrimpf (2025), The LLM language network: a neuroscientific approach for "
    "identifying causally task-relevant units, NAACL 2025"
)
FEGHHI_2024 = (
    "Feghhi, Hadidi, Song, Blank and Kao (2024), What are large language models mapping to in the brain? A case "
    "against over-reliance on brain scores, arXiv 2406.01538"
)
