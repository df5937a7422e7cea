"""Lion against its contract, and against the paper's algorithm, parameter by parameter."""

from math import copysign

from harness.conformance import OptimizerConformance


class TestLion(OptimizerConformance):
    name = "lion"

    @staticmethod
    def reference(parameters, gradients, learning_rate):
        """Algorithm 2 for one number at a time, without weight decay."""
        for index in range(len(parameters)):
            m = 0.0
            for gradient in gradients:
                c = 0.9 * m + 0.1 * gradient[index]
                parameters[index] -= learning_rate * copysign(1.0, c)
                m = 0.99 * m + 0.01 * gradient[index]
        return parameters


class TestLionWithWeightDecay(OptimizerConformance):
    name = "lion"
    options = {"betas": [0.95, 0.98], "weight_decay": 0.1}
