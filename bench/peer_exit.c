/* A static program that answers 42: what fork and exec start. */
int main(void)
{
	return 42;
}
