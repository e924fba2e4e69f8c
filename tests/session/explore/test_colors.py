from __future__ import annotations


def test_colours_are_made_when_wanted_and_keep_their_basis(ran):
    assert ran.session.embedding_rgb is None
    ran.colors.show(True)
    basis = ran.session.color_basis
    assert ran.session.embedding_rgb.shape == (4, 8, 3)
    ran.run()
    assert ran.session.color_basis is basis
    ran.colors.refit()
    assert ran.session.color_basis is not basis
    ran.colors.show(False)
    assert ran.session.embedding_rgb is None


def test_colours_wanted_before_the_run_come_with_it(controller, image):
    controller.colors.show(True)
    controller.set_image(image)
    controller.set_model("fake")
    controller.run()
    assert controller.session.embedding_rgb is not None
