"""Cards and margins: what they show is what the runs left."""

import pytest

from lfp import InputError, _files
from lfp.harness import cards, claims
from lfp.harness.experiment import folder_name
from lfp.harness.gate import Gate
from tests.harness.test_experiment import SCRIPT


@pytest.fixture
def runs(tmp_path):
    """Two experiments, one of them run with three first seeds; the third gate of seed 7 comes nearest."""
    (tmp_path / "scripts").mkdir()
    for name in ("line", "other"):
        (tmp_path / "scripts" / f"{name}.py").write_text(SCRIPT)
    for seed, value in ((0, 1.0), (7, 1.9), (1000, 0.5)):
        gates = [Gate("a | b", [0.1, 0.3], 2.0), Gate("near", [value, value], 2.0, mean=True)]
        gates += [Gate("off", [5.0, 6.0], 2.0, control=True)]
        place = tmp_path / folder_name("line", seed=seed)
        _files.claim(place, {"experiment": "line", "seed": seed})
        result = {"name": "line", "claim": "A slope.", "gates": [gate.row() for gate in gates], "seconds": 90.0}
        _files.write_result(place, result)
    return tmp_path


def test_a_card_has_claim_source_prediction_gates_control_command_and_figure(runs):
    text = cards.cards(runs, runs / "scripts")
    assert text.count("###") == 1  # the other was not run
    for part in ("**A slope.** Euclid.", "Predicted: the slope.", "`lfp experiment run line`, 1.5 min. a line"):
        assert part in text
    assert "| a \\| b | <= 2 | 0.2 ± 0.1 | 0.3 |" in text
    assert "| near | <= 2 (mean; needs 2 of 2 seeds) | 1 ± 0 | 1 |" in text
    assert "| control: off | not <= 2 | 5.5 ± 0.7 | 5 |" in text
    assert "![A slope.](figures/line.png)" in text


def test_the_nearest_gate_of_all_shifts(runs):
    assert cards.margins(runs, runs / "scripts").splitlines()[2:] == [
        "| line | 0, 7, 1000 | near | <= 2 (mean; needs 2 of 2 seeds) | 1.9 | 0.05 | off | not <= 2 | 5 | 1.5 |"
    ]


def test_what_is_damaged_or_of_another_run_is_named(runs):
    """Cards and margins read results of others' making."""
    place, other = runs / "line", runs / "line-seed7"
    whole = (place / "result.json").read_bytes()
    for content in (b"", b"[]", whole[:-9], whole.replace(b"90.0", b"91.0"), (other / "result.json").read_bytes()):
        (place / "result.json").write_bytes(content)
        for show in (cards.cards, cards.margins):
            with pytest.raises(InputError, match=r"line/result\.json' is .*; allowed: .*--force"):
                show(runs, runs / "scripts")


def test_the_cards_of_the_experiments_are_those_that_are_printed():
    """experiments/README.md has a card for every experiment, with the claim and the words of its file."""
    text = (claims.EXPERIMENTS / "README.md").read_text()
    for name, script in claims.experiments().items():
        card = text.partition(f"### {name}\n")[2].partition("\n### ")[0]
        for part in (script.claim, script.constants["PAPER"], script.constants["PREDICTED"]):
            assert part in card, name
        assert f"![{script.claim}](figures/{name}.png)" in card
        assert "control: " in card
        assert "**missed**" not in card
