"""A round's bar never goes back, and says what is being done."""

from backend.rounds.progress import WHOLE, RoundProgress


def test_the_bar_rises_through_all_steps_and_ends_full() -> None:
    seen: list[tuple[int, int, str]] = []
    told = RoundProgress(lambda *values: seen.append(values))
    told.collecting()
    told.collected(12, 3)
    for done in range(3):
        told.reading(done, 3)
    trained = {"step": 7.0, "first_iou": 0.512, "last_iou": 0.789}
    for done in range(0, 1001, 250):
        told.training(done, 1000, trained)
    for done in range(3):
        told.training(done, 3, {"embedded": float(done)})
    for done in range(0, 201, 50):
        told.training(done, 200, {"step": float(done), "detector_loss": 0.3})
    for measuring in (told.measuring_parent, told.measuring_child):
        for done in range(1, 5):
            measuring(done, 4)
    told.packaging()
    told.stored("nuclei, round 2")
    told.embedding(0, 0, "0 of 0 images")
    told.embedding(10, 10, "10 of 10 images")
    assert seen[-1][0] == WHOLE - 1, "it is not over before the verdict"
    told.concluded("It gained.")
    places = [done for done, _, _ in seen]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, WHOLE)
    assert {total for _, total, _ in seen} == {WHOLE}
    texts = [text for _, _, text in seen]
    assert "Learning from 12 masks on 3 images" in texts
    assert "Training: step 7, IoU 0.51 after one prompt and 0.79 after several" in texts
    assert "Embedding for the detector: 2 of 3 images" in texts
    assert "Training the detector: step 150" in texts
    assert "Measuring the current model: 4 of 4 images" in texts
    assert "Measuring the new model: 1 of 4 images" in texts
