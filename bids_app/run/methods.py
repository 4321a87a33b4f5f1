"""The methods text of a run, made from its settings, ready to be pasted into a paper."""

from __future__ import annotations

from bids_app import __version__
from bids_app.analyses.references import NILEARN, PYBIDS, TRANSFORMERS
from bids_app.options import DESIGNS
from bids_app.settings import Settings
from bids_app.settings_fields import differing

REPEATS = {
    "together": "Volumes in which the same part of a story was heard again lay in the same fold, also inside the training "
    "folds, and were shifted together in tests.",
    "average": "Runs that heard the same at the same times were averaged; volumes in which the same part of a story was "
    "heard again at other times lay in the same fold, also inside the training folds, and were shifted together in tests.",
}
CONTEXTS = {
    "auto": "with the default context of each model (causal models: strided windows with at least 512 tokens, or half "
    "of what the model allows, to the left; masked models: overlapping windows in which a word also sees later words)",
    "left": "with left context only",
    "exact": "with one window per word and as much left context as the model allows",
    "rolled": "with left context only, but with the end of the story before its start, so that early words were read "
    "after later ones (as in a released analysis)",
}


def methods_text(settings: Settings) -> str:
    """Markdown with one paragraph per analysis and the works to cite."""
    paragraphs, references = [_data(settings), _model(settings)], [NILEARN, PYBIDS, TRANSFORMERS]
    has_designs = False
    for analysis in settings.analyses:
        if DESIGNS in analysis.reads and not has_designs:
            has_designs = True
            paragraphs.append(_scores(settings))
        paragraph = analysis.methods(settings)
        paragraphs.append(paragraph.text)
        references += paragraph.cites
    paragraphs.append(_settings(settings))
    cited = "\n".join(f"- {reference}" for reference in dict.fromkeys(references))
    return "# Methods\n\n" + "\n\n".join(paragraphs) + f"\n\n## To cite\n\n{cited}\n"


def _settings(s: Settings) -> str:
    """What differs from the preset, or from the defaults."""
    usual = f"those of the preset {s.preset}, else the defaults" if s.preset else "the defaults"
    lines = "; ".join(f"`{line}`" for line in differing(s))
    return f"All other settings were {usual}. Different were: {lines}." if lines else f"All settings were {usual}."


def _data(s: Settings) -> str:
    high_pass = f" and high-passed at {s.high_pass:g} Hz" if s.high_pass else ""
    smoothing = f", smoothed at {s.smoothing_fwhm:g} mm" if s.smoothing_fwhm else ""
    return (
        f"Data were analysed with neurons2networks {__version__}. Time series that had not been cleaned were cleaned "
        f"of confounds (choice: {' '.join(s.confounds)}){high_pass}{smoothing}. Each run was cut to its story, and each voxel "
        f"z-scored within the run. {REPEATS[s.repeats]}"
    )


def _model(s: Settings) -> str:
    context = CONTEXTS.get(s.context, f"in windows with at least {s.context} tokens of left context")
    return (
        f"The text of each story was put through {', '.join(s.model)} ({s.dtype}), {context}. "
        "Text was tokenised word by word, and tokens were assigned to the words they came from."
    )


def _scores(s: Settings) -> str:
    reduction = f"reduced to {s.pca} principal components, " if s.pca else ""
    volume = "began in a volume" if s.word_volume == "onset" else "began in the volume before"
    end = ", wrapping from the end of a run to its start" if s.wrap else " within each run"
    return (
        f"Scores of held-out responses: hidden states (last sub-token of each word) were summed over the words that "
        f"{volume}, standardised, {reduction}delayed by 0 to {s.delays - 1} volumes{end}, standardised, and mapped to "
        f"every voxel by ridge regression with one penalty per voxel out of {len(s.alphas)} between {min(s.alphas):g} "
        f"and {max(s.alphas):g}, chosen inside the training folds ({s.inner_folds}). A score is the Pearson correlation "
        f"with the held-out volumes, averaged over {s.folds} contiguous folds. Components and moments were fitted on "
        "the training folds only."
    )
