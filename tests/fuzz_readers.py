"""Every reader of a file that users give, with files that it reads well; fuzzing damages these."""

from bids_app.finetune.progress import COLUMNS
from tests import fuzz_calls as calls
from tests import fuzz_seeds as seeds
from tests.fuzz_images import IMAGES, Reader

READERS = {
    "align.csv": Reader(
        "align.csv",
        seeds.text(seeds.GENTLE),
        calls.words,
    ),
    "align.json": Reader(
        "align.json",
        seeds.as_json(
            {"transcript": "a b", "words": [seeds.WORDS[0] | {"case": "success", "alignedWord": "w"}, {"word": "I"}]}
        ),
        calls.words,
    ),
    "words.json": Reader(
        "tale.json",
        seeds.as_json(
            {"start": 0, "tiers": {"words": {"type": "interval", "entries": [[0.5, 0.9, "a"], [1, 1.4, "b"]]}}},
            {"segments": [{"start": 0, "words": seeds.WORDS[:3]}, {"start": 2, "words": seeds.WORDS[3:]}]},
            {
                "audio_duration": 12,
                "words": [{"text": f"w{i}", "start": 4000 * i, "end": 4000 * i + 300} for i in (1, 2, 3)],
            },
            {"words": [word | {"speaker": "A", "confidence": 0.9} for word in seeds.WORDS]},
            seeds.WORDS,
        ),
        calls.words,
    ),
    "textgrid": Reader(
        "tale.TextGrid",
        seeds.text(seeds.TEXTGRID, seeds.SHORT),
        calls.words,
    ),
    "words.tsv": Reader(
        "tale_words.tsv",
        seeds.text(seeds.TABLE, seeds.IN_MILLISECONDS),
        calls.words,
    ),
    "words.csv": Reader(
        "tale_words.csv",
        seeds.text(
            "word,start,end,score\nhello,0.5,0.9,0.99\nworld,1.0,1.4,0.98\n",
            "Begin,End,Label,Type,Speaker\n0.5,0.9,hello,words,a\n1.0,1.4,world,words,a\n0.5,0.7,HH,phones,a\n",
            "onset;duration;word\n0,5;0,4;hello\n1,5;0,4;you\n",
        ),
        calls.words,
    ),
    "words sidecar": Reader(
        "tale_words.json",
        seeds.as_json({"onset": {"Units": "s"}, "duration": {"Units": "s"}}),
        lambda path: calls.words(path.with_suffix(".tsv")),
        {"tale_words.tsv": seeds.TABLE.encode()},
    ),
    "event words": Reader(
        "x_events.tsv",
        seeds.text(seeds.EVENT_WORDS),
        calls.event_words,
    ),
    "events": Reader(
        "sub-1_task-t_events.tsv",
        seeds.text(seeds.EVENTS),
        calls.events,
    ),
    "confounds": Reader(
        "c_timeseries.tsv",
        seeds.text(seeds.CONFOUNDS),
        calls.confounds,
        {"c_timeseries.json": seeds.as_json(seeds.MASKS)[0]},
    ),
    "confounds sidecar": Reader(
        "c_timeseries.json", seeds.as_json(seeds.MASKS), calls.confounds, {"c_timeseries.tsv": seeds.CONFOUNDS.encode()}
    ),
    "time series": Reader(
        "t_timeseries.tsv",
        seeds.text(seeds.SERIES),
        calls.recording("parcels", "t_timeseries.tsv"),
    ),
    "parcel table": Reader(
        "seg-T_dseg.tsv", seeds.text("index\tname\tnetwork\n1\tP1\tVis\n2\tP2\tn/a\n"), calls.networks_of_parcels
    ),
    "sidecar": Reader(
        "task-t_bold.json",
        seeds.as_json({"RepetitionTime": 2.0, "SliceTiming": [0, 1]}),
        calls.sidecar,
    ),
    "description": Reader(
        "dataset_description.json", seeds.as_json({"Name": "x", "BIDSVersion": "1.8.0"}), calls.description
    ),
    "exclusions": Reader(
        "scan_exclude.json", seeds.as_json({"t": {"sub-1": ["sub-1_task-t_run-1"]}}), calls.exclusions
    ),
    "settings": Reader(
        "s.toml",
        seeds.text('model = ["gpt2"]\natoms = 8\nn-spins = 100\nthreshold = 1.5\nanalysis = ["brainscore"]\n'),
        calls.settings,
    ),
    "filters": Reader(
        "f.json",
        seeds.as_json({"bold": {"desc": "clean", "run": [1, 2]}}),
        calls.filters,
    ),
    "manifest": Reader(
        "manifest.json", seeds.as_json({"models": {"gpt2": "abc"}, "files": {"models/x": 12}}), calls.manifest
    ),
    "weights index": Reader(
        "model.safetensors.index.json", seeds.as_json({"weight_map": {"a": "model-1.safetensors"}}), calls.weights
    ),
    "label table": Reader(
        "a.tsv",
        seeds.text(
            "index\themi\tname\tcolor\n7\tL\tA b\t#00ff00ff\n",
            "12\tL-Area\t255\t0\t16\t0\n",
            "1\t1.0\t0.0\t0.5\tLeft part\n",
        ),
        calls.label_table,
    ),
    "label list": Reader(
        "a.csv",
        seeds.text("ROI Label,ROI Name,R,A,S\n1,Vis,-24,-54,-10\n", "0,empty\n1,1_Visual_A\n"),
        calls.label_table,
    ),
    "outliers": Reader(
        "outliers.tsv", seeds.text(seeds.OUTLIERS), calls.outliers, {"t_timeseries.json": b'{"RepetitionTime": 2}'}
    ),
    "minimal pairs": Reader(
        "pairs.tsv",
        seeds.text(
            "good\tbad\tcategory\nThe dogs bark.\tThe dogs barks.\tnumber\nShe ran.\tShe run.\tverb\n",
            "id\tcategory\tbad\tgood\n1\tnumber\tA cats\tA cat\n",
        ),
        calls.minimal_pairs,
    ),
    "mask list": Reader(
        "mask.txt",
        seeds.text("P1\n\nP2\n"),
        calls.mask_of("parcels"),
    ),
    "mask table": Reader(
        "mask.tsv",
        seeds.text("index\tname\n1\tP1\n2\tP2\n"),
        calls.mask_of("parcels"),
    ),
    "model configuration": Reader(
        "config.json",
        seeds.as_json(seeds.MODEL),
        calls.model_configuration,
    ),
    "kept manifest": Reader(
        "kept.npy.manifest.json",
        seeds.as_json({"kept.npy": {"Size": 3, "SHA256": "ab"}}),
        calls.kept_manifest,
        {"kept.npy": b"abc"},
    ),
    "word json": Reader(
        "tale.json",
        seeds.as_json({"words": seeds.WORDS}),
        calls.word_json,
    ),
    "audio": Reader(
        "tale.wav",
        (seeds.wav(),),
        calls.audio,
    ),
    "envelope": Reader(
        "tale.wav",
        (seeds.sound(16), seeds.sound(24), seeds.sound(8)),
        calls.envelope,
    ),
    "checkpoint record": Reader(
        "finetune.json",
        seeds.as_json(
            {"Alpha": 0.5, "Control": "", "Step": 10, "Blocks": 2, "Perplexity": 30.5, "Settings": {"steps": 10}}
        ),
        calls.checkpoint,
    ),
    "training progress": Reader(
        "progress.tsv",
        seeds.text("\n".join("\t".join(row) for row in (COLUMNS, ("1", *["0.5"] * 8), ("2", *["0.4"] * 8))) + "\n"),
        calls.progress,
    ),
    "localiser": Reader(
        "texts.tsv",
        seeds.text(
            "condition\ttext\n" + "".join(f"sentence\tthe dog {i}\nnonwords\tbol ga {i}\n" for i in range(4)),
            "text\tid\tcondition\n"
            + "".join(f"a b {i}\t{i}\t{'sentence' if i % 2 else 'nonwords'}\n" for i in range(9)),
        ),
        calls.localiser,
    ),
    "autoencoder": Reader(
        "sae_weights.safetensors",
        (seeds.autoencoder(), seeds.autoencoder(threshold=0.1)),
        calls.autoencoder,
        {"cfg.json": seeds.as_json({"d_in": 2, "hook_name": "blocks.1.hook_resid_post"})[0]},
    ),
    "autoencoder configuration": Reader(
        "cfg.json",
        seeds.as_json(
            {"architecture": "standard", "d_in": 2, "d_sae": 3, "hook_name": "blocks.1.hook_resid_pre"},
            {
                "architecture": "topk",
                "k": 2,
                "apply_b_dec_to_input": True,
                "normalize_activations": "layer_norm",
                "metadata": {"hook_name": "blocks.0.hook_mlp_out", "model_name": "gpt2", "k": None},
            },
            {
                "activation_fn_str": "topk",
                "activation_fn_kwargs": {"k": 1},
                "model_from_pretrained_kwargs": {"center_writing_weights": True},
            },
        ),
        calls.autoencoder,
        {"sae_weights.safetensors": seeds.autoencoder()},
    ),
    "safetensors": Reader(
        "model.safetensors",
        (seeds.safetensors(),),
        calls.safetensors,
    ),
} | IMAGES
