"""Fine-tuning in a process of its own: the same models, and after a kill it goes on."""

import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_pixel_embedding.core.fine_tuning import job_folder
from napari_pixel_embedding.core.fine_tuning.config import FineTuneConfig
from napari_pixel_embedding.core.fine_tuning.fine_tune import fine_tune
from napari_pixel_embedding.core.fine_tuning.job_folder import (
    fine_tune_in_process,
    forget_tuning,
    interrupted_tunings,
    resume_tuning,
    tunings_folder,
)
from napari_pixel_embedding.core.io.user_folder import VARIABLE
from napari_pixel_embedding.core.training.worker_process import ProcessEnded

CONFIG = FineTuneConfig(steps=3, batch_size=1, crop=32, held_back=0.2)
ENDLESS = replace(CONFIG, steps=100_000)


@pytest.fixture(autouse=True)
def users_files(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "user"))


@pytest.fixture
def task(tiny_model, discs):
    """Model, image, corrections."""
    image, labels = discs()
    return tiny_model(), image, np.where(labels % 2, labels, -1)


def isolated(task, config, **options):
    model, image, corrections = task
    return fine_tune_in_process(
        model, [image], [corrections], config, axes=["YX"], names=["discs"], **options
    )


def kill_child(folder):
    """End the process that holds a folder's lock, as the system would for lack of memory."""
    for path in (p for p in os.listdir("/proc") if p.isdigit()):
        try:
            with open(f"/proc/{path}/cmdline", "rb") as file:
                if str(folder).encode() in file.read():
                    os.kill(int(path), signal.SIGKILL)
        except OSError:
            continue


def test_it_gives_what_tuning_here_gives(task):
    model, image, corrections = task
    torch_threads = torch.get_num_threads()
    here = list(fine_tune(model, image, corrections, CONFIG, axes="YX", names=["discs"]))[-1]
    there = list(isolated(task, CONFIG))
    assert [state.step for state in there] == [0, 1, 2, 3]
    assert there[-1].report == here.report
    assert there[-1].model.config.provenance["image_names"] == ["discs"]
    assert torch.get_num_threads() == torch_threads
    for name, value in here.model.network.state_dict().items():
        torch.testing.assert_close(there[-1].model.network.state_dict()[name], value)
    assert list(tunings_folder().iterdir()) == [], "nothing is left of a tuning that ended"


def test_the_planes_of_a_stack_lie_as_far_apart_there(tiny_model, discs):
    image, labels = discs((6, 32, 32))
    model = tiny_model(axes="ZYX", pixel_size=(1.0, 1.0, 1.0))
    config, apart = replace(CONFIG, steps=1, replay=0.0), (2.0, 1.0, 1.0)
    options = {"axes": ["ZYX"], "device": "cpu"}
    here = list(fine_tune(model, [image], [labels], config, spacing=apart, **options))[-1]
    there = list(fine_tune_in_process(model, [image], [labels], config, spacing=[apart], **options))
    for name, value in here.model.network.state_dict().items():
        torch.testing.assert_close(there[-1].model.network.state_dict()[name], value)


def test_of_a_stack_only_corrected_frames_are_kept(task):
    _model, image, corrections = task
    nothing = np.full_like(corrections, -1)
    stack, targets = np.stack([image] * 3), np.stack([nothing, corrections, nothing])
    kept = job_folder._corrected_only(stack, targets, "TYX")
    assert kept[0].shape == kept[1].shape == (1, 64, 64)
    np.testing.assert_array_equal(kept[1][0], corrections)
    channels = job_folder._corrected_only(np.stack([stack] * 2), targets, "CTYX")
    assert channels[0].shape == (2, 1, 64, 64)


def test_stopping_leaves_nothing(task):
    run = isolated(task, ENDLESS)
    next(run)
    assert len(list(tunings_folder().iterdir())) == 1
    assert interrupted_tunings() == [], "it is under way"
    run.close()
    assert list(tunings_folder().iterdir()) == []


def test_what_is_resumed_and_stopped_before_a_model_came_is_kept(task):
    run = isolated(task, ENDLESS)
    for state in run:
        if state.model is not None:
            break
    assert state.step == 1, "a model comes with the first step"
    (folder,) = tunings_folder().iterdir()
    kill_child(folder)
    with pytest.raises(ProcessEnded):
        list(run)
    (left,) = interrupted_tunings()
    assert left.step >= 1
    again = resume_tuning(folder)
    next(again)
    again.close()
    assert [one.folder for one in interrupted_tunings()] == [folder]


def test_a_trial_is_never_offered_as_interrupted(task):
    run = isolated(task, ENDLESS, trial=True)
    for state in run:
        if state.step == 1:
            break
    (folder,) = tunings_folder().iterdir()
    kill_child(folder)
    with pytest.raises(ProcessEnded):
        list(run)
    assert interrupted_tunings() == []


def test_errors_of_the_tuning_come_here_and_leave_nothing(task):
    model, image, corrections = task
    with pytest.raises(ValueError, match="at least one corrected object to learn from"):
        next(isolated((model, image, np.full_like(corrections, -1)), CONFIG))
    assert list(tunings_folder().iterdir()) == []


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="finds the process in /proc")
def test_after_a_kill_it_goes_on_from_the_last_checkpoint(task):
    run = isolated(task, ENDLESS)
    for state in run:
        if state.step == 0:
            (folder,) = tunings_folder().iterdir()
        if state.report is not None and state.model is not None:
            break
    kill_child(folder)
    with pytest.raises(ProcessEnded, match="start it again"):
        list(run)
    (left,) = interrupted_tunings()
    assert (left.folder, left.names, left.model) == (folder, ("discs",), "tiny")
    assert left.step >= 50 and left.steps == 100_000
    rest = resume_tuning(left.folder)
    assert [next(rest).step for _ in range(2)] == [0, left.step + 1]
    rest.close()
    assert interrupted_tunings() == []


def test_what_is_half_written_is_no_tuning_and_goes_after_a_day(task):
    young, old = (tunings_folder() / f".{name}" for name in ("young", "old"))
    damaged = tunings_folder() / "damaged"
    for folder in (young, old, damaged):
        folder.mkdir(parents=True)
    (damaged / "request.json").write_text("{")
    os.utime(old, (time.time() - 1e6, time.time() - 1e6))
    assert interrupted_tunings() == []
    assert young.exists() and not old.exists()
    forget_tuning(damaged)
    assert not damaged.exists()
