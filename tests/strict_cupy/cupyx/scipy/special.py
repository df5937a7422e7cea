"""Special functions."""

from cupy._ufuncs import ufunc

erf = ufunc("special.erf")
