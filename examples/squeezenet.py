"""SqueezeNet 1.1 without its top, of weights in an npz file (Iandola et al., "SqueezeNet", 2016)."""

import keras


def squeezenet(weights):
    """Build the network and set its weights, which are named after their layers."""
    images = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(images)
    x = keras.layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for number, squeezed, expanded in (
        (2, 16, 64), (3, 16, 64), (4, 32, 128), (5, 32, 128), (6, 48, 192), (7, 48, 192), (8, 64, 256), (9, 64, 256),
    ):  # fmt: skip
        x = keras.layers.Conv2D(squeezed, 1, activation="relu", name=f"fire{number}_squeeze1x1")(x)
        one = keras.layers.Conv2D(expanded, 1, activation="relu", name=f"fire{number}_expand1x1")(x)
        three = keras.layers.Conv2D(expanded, 3, padding="same", activation="relu", name=f"fire{number}_expand3x3")(x)
        x = keras.layers.Concatenate(name=f"fire{number}")([one, three])
        if number in (3, 5):
            x = keras.layers.MaxPooling2D(3, strides=2, name=f"pool{number}")(x)
    model = keras.Model(images, x, name="squeezenet")
    for layer in model.layers:
        if layer.weights:
            place = layer.name.replace("_", "|")
            kernel, bias = (
                [name for name in weights if name.startswith(f"{place}|") and name.endswith("_b") == of_bias]
                for of_bias in (False, True)
            )
            layer.set_weights([weights[kernel[0]], weights[bias[0]]])
    return model
